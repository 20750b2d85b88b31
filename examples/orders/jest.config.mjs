export default {
  testEnvironment: "node",
  testMatch: ["<rootDir>/tests/**/*.test.ts"],
  extensionsToTreatAsEsm: [".ts"],
  transform: {
    "^.+\\.ts$": [
      "@swc/jest",
      { jsc: { parser: { syntax: "typescript" }, target: "es2022" }, module: { type: "es6" } },
    ],
  },
  // Only because this example lies inside the package: elsewhere it is resolved from node_modules.
  moduleNameMapper: { "^hasura-usage/engine$": "<rootDir>/../../src/testing/index.ts" },
  testTimeout: 30_000,
};
