/** The shape of Hasura's own tables: the migration runner and the engine keep their state in them. */
export { ensureHdbCatalog, isCatalogUnused, readCatalogVersion } from "./ensure-catalog.ts";
export { dropSourceTables } from "./source-tables.ts";
