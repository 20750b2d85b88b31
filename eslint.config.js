import tseslint from "typescript-eslint";
import importX, { createNodeResolver } from "eslint-plugin-import-x";

/** Who must not see whom: arrows point down only (docs/architecture.md). */
const forbid = (target, from, message) => ({ target, from, message });
const upper = ["./src/cli", "./tests"];
const zones = [
  forbid("./src/core", ["./src/!(core)/**/*", "./actions"], "core depends on nothing in the project"),
  forbid("./src/postgres", ["./src/!(core|postgres)/**/*", "./actions"], "postgres sees core only"),
  forbid(
    "./src/domain",
    ["./src/!(core|domain)/**/*", "./actions"],
    "the domain knows no transport and no driver",
  ),
  forbid(
    "./src/engine",
    ["./src/!(core|engine)/**/*", "./actions"],
    "the engine knows no plan and no driver",
  ),
  forbid("./src/client", ["./src/!(core|client)/**/*", "./actions"], "the client is a leaf"),
  forbid(
    "./src/gateway",
    ["./src/!(core|domain|gateway)/**/*", "./actions"],
    "the gateway gets its upstream handed in",
  ),
  forbid(
    "./actions",
    ["./src/engine", "./src/gateway", "./src/dashboard"],
    "actions see domain, postgres and core",
  ),
  ...upper.map((from) =>
    forbid(["./src/!(cli)/**/*", "./actions"], from, "composition roots are never imported"),
  ),
];

export default tseslint.config(
  { ignores: ["node_modules", ".data", ".cache", "**/generated/**", "coverage"] },
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
    files: ["src/core/**", "src/domain/**", "src/engine/**", "src/gateway/**", "src/postgres/**"],
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
