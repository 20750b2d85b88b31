import base from "./jest.config.mjs";

/** Tests that need an installed redis-server: `npm run test:redis`. They need no Postgres. */
export default {
  ...base,
  testMatch: ["<rootDir>/tests/redis/**/*.test.ts"],
  testPathIgnorePatterns: [],
  globalSetup: undefined,
  globalTeardown: undefined,
};
