/** The SQL of a release as a project gets it: its tenants mirrored, its hooks filled in, all of it in one migration. */
export { quoteIdent, quoteTable } from "./identifier.ts";
export {
  installMigration,
  type InstallInput,
  installScripts,
  joinScripts,
  settingsScript,
} from "./install.ts";
export { hookScripts } from "./hooks.ts";
export { type Tenant, workspacesMetadata } from "./workspaces.ts";
export { upgradeMigration, type UpgradeInput } from "./upgrade.ts";
