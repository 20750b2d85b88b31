import { join } from "node:path";
import type { DescribeSettings, ProjectFiles } from "../sql-sources/index.ts";
import { projectRoot } from "./settings.ts";

const hasuraDir = join(projectRoot, "hasura");

export const sqlDir = join(hasuraDir, "sql");

export const sourceFiles: ProjectFiles = {
  migrationsDir: join(hasuraDir, "migrations"),
  sqlDir,
  manifestFile: join(hasuraDir, "sample.yaml"),
};

/** Schemas in the project's database that its migrations do not make: Hasura's, and the migration runner's. */
export const foreignSchemas: readonly string[] = ["hdb_catalog", "usage_migrations"];

/**
 * The triggers of a metered table, and of one with a workspace column that follows its parent, are made with their functions
 * from usage.meter_template.
 */
const generatedRoutines = `
select p.oid
from pg_catalog.pg_proc p
where
  p.pronamespace = 'usage'::regnamespace
  and exists (
    select
    from pg_catalog.pg_trigger t
    where t.tgfoid = p.oid
      and t.tgrelid in (
        select m.relation
        from usage.meters m
        union all
        select k.conrelid
        from pg_catalog.pg_constraint k
        where k.conname = 'usage_workspace_fkey'
      )
  )`;

const rebuildGenerated = "select usage.rebuild_meters();";

export const describeSettings: DescribeSettings = {
  foreignSchemas,
  generated: { query: generatedRoutines, rebuild: rebuildGenerated },
};
