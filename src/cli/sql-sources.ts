import { join } from "node:path";
import { projectRoot } from "./settings.ts";

export const sqlDir = join(projectRoot, "hasura", "sql");

/** Schemas in the project's database that its migrations do not make: Hasura's, and the migration runner's. */
export const foreignSchemas: readonly string[] = ["hdb_catalog", "usage_migrations"];
