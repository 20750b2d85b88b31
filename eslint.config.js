import tseslint from "typescript-eslint";
import importX, { createNodeResolver } from "eslint-plugin-import-x";

/** Who must not see whom: arrows point down only (docs/architecture.md). */
const rooms = [
  "core",
  "auth",
  "postgres",
  "sql-sources",
  "domain",
  "engine",
  "client",
  "gateway",
  "telemetry",
  "dashboard",
  "testing",
  "observability",
  "express",
  "cli",
];
const except = (...allowed) => [
  ...rooms.filter((room) => !allowed.includes(room)).map((room) => `./src/${room}`),
  ...(allowed.includes("actions") ? [] : ["./actions"]),
  "./tests",
  "./bench",
];
const sees = (target, allowed, message) =>
  except(...allowed).map((from) => ({ target, from, message: `${target.slice(2)}: ${message}` }));
const zones = [
  ...sees("./src/core", ["core"], "core depends on nothing in the project"),
  ...sees("./src/auth", ["core", "auth"], "who asks is found out without a driver, a plan or a server"),
  ...sees("./src/postgres", ["core", "postgres"], "postgres sees core only"),
  ...sees("./src/sql-sources", ["core", "postgres", "sql-sources"], "a tool for any project's SQL sources"),
  ...sees("./src/domain", ["core", "domain"], "the domain knows no transport and no driver"),
  ...sees("./src/engine", ["core", "auth", "engine"], "the engine knows no plan and no driver"),
  ...sees(
    "./src/testing",
    ["core", "auth", "postgres", "engine", "testing"],
    "it runs any Hasura project, not this one",
  ),
  ...sees("./src/client", ["client"], "the client is a leaf"),
  ...sees(
    "./src/gateway",
    ["core", "auth", "domain", "gateway", "observability"],
    "the gateway gets its upstream handed in",
  ),
  ...sees(
    "./src/express",
    ["core", "auth", "postgres", "domain", "gateway", "express"],
    "it composes plan gates for others' routes",
  ),
  ...sees("./src/observability", ["core", "observability"], "what is measured is handed in"),
  ...sees("./src/telemetry", ["telemetry"], "it runs in browsers, alone"),
  ...sees(
    "./actions",
    ["core", "postgres", "domain", "client", "actions", "observability"],
    "no engine, no gateway",
  ),
];

export default tseslint.config(
  { ignores: ["node_modules", "dist", ".data", ".cache", "**/generated/**", "coverage"] },
  ...tseslint.configs.recommended,
  {
    files: ["**/*.ts"],
    plugins: { "import-x": importX },
    settings: { "import-x/resolver-next": [createNodeResolver({ extensions: [".ts", ".js", ".mjs"] })] },
    rules: {
      "@typescript-eslint/no-explicit-any": "error",
      "@typescript-eslint/consistent-type-imports": ["error", { fixStyle: "inline-type-imports" }],
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
      "import-x/no-restricted-paths": ["error", { zones }],
      "import-x/no-cycle": "error",
    },
  },
  {
    files: [
      "src/core/**",
      "src/domain/**",
      "src/auth/**",
      "src/engine/**",
      "src/gateway/**",
      "src/postgres/**",
      "src/sql-sources/**",
    ],
    ignores: ["**/env.ts"],
    rules: {
      "no-restricted-syntax": [
        "error",
        {
          selector: "MemberExpression[object.name='process'][property.name='env']",
          message: "process.env is read in env.ts and src/cli only",
        },
      ],
    },
  },
);
