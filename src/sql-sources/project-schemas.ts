import type { Queryable } from "../core/index.ts";

/** The schemas that migrations made, in order: all but Postgres's own, those in `foreign`, and those of an extension. */
export const projectSchemas = async (
  database: Queryable,
  foreign: readonly string[],
): Promise<readonly string[]> => {
  const rows = await database.query<{ readonly name: string }>(
    `select n.nspname as name
     from pg_catalog.pg_namespace n
     where
       n.nspname !~ '^pg_'
       and n.nspname <> 'information_schema'
       and n.nspname <> all ($1)
       and not exists (
         select
         from pg_catalog.pg_depend d
         where d.classid = 'pg_namespace'::regclass and d.objid = n.oid and d.deptype = 'e'
       )
     order by n.nspname`,
    [foreign],
  );
  return rows.map(({ name }) => name);
};
