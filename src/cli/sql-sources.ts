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

/** The triggers of a metered table and their functions are made from a template when a meter is attached. */
const generatedRoutines = `
select p.oid
from pg_catalog.pg_proc p
where
  p.pronamespace = 'usage'::regnamespace
  and exists (
    select
    from usage.meters m
    join pg_catalog.pg_trigger t
      on t.tgrelid = m.relation
    where t.tgfoid = p.oid
  )`;

const rebuildGenerated = `
select usage.rebuild_meters(m.relation), usage.rebuild_member_meters(m.relation)
from (select distinct m.relation from usage.meters m order by m.relation) m;`;

export const describeSettings: DescribeSettings = {
  foreignSchemas,
  generated: { query: generatedRoutines, rebuild: rebuildGenerated },
};
