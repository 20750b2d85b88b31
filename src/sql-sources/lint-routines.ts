import type { Database } from "../core/index.ts";
import { projectSchemas } from "./project-schemas.ts";

export interface LintFinding {
  /** With the types of its parameters, as `usage.period(uuid,timestamp with time zone)`. */
  readonly routine: string;
  readonly schema: string;
  readonly name: string;
  /** The table whose trigger it was checked for; null for an ordinary routine. */
  readonly table: string | null;
  /** Of the body, from 1; null when the finding is about the whole. */
  readonly line: number | null;
  /** As plpgsql_check says: error, warning, warning extra, performance, security, compatibility. */
  readonly level: string;
  readonly sqlState: string;
  readonly message: string;
  readonly detail: string | null;
  readonly hint: string | null;
  /** The body that `line` counts in. */
  readonly body: string;
}

export interface LintRoutinesOptions {
  readonly database: Database;
  /** Schemas that are not the project's. */
  readonly foreignSchemas: readonly string[];
}

const extensionSchema = "plpgsql_check";

/**
 * A trigger function is checked once for each table. One that serves several operations sees the transition tables of all:
 * which branch reads which is not known before it runs.
 */
const findingsQuery = `
with uses as (
  select t.tgfoid, t.tgrelid, max(t.tgoldtable) as tgoldtable, max(t.tgnewtable) as tgnewtable
  from pg_catalog.pg_trigger t
  where not t.tgisinternal and t.tgparentid = 0
  group by t.tgfoid, t.tgrelid
),
routines as (
  select
    p.oid,
    p.oid::regprocedure::text as routine,
    n.nspname as schema,
    p.proname as name,
    p.prosrc as body,
    p.prorettype = 'trigger'::regtype as is_trigger,
    u.tgrelid,
    u.tgoldtable,
    u.tgnewtable
  from pg_catalog.pg_proc p
  join pg_catalog.pg_namespace n
    on n.oid = p.pronamespace
  join pg_catalog.pg_language l
    on l.oid = p.prolang
  left join uses u
    on u.tgfoid = p.oid
  where n.nspname = any ($1) and l.lanname = 'plpgsql'
)
select
  r.routine,
  r.schema,
  r.name,
  r.tgrelid::regclass::text as "table",
  f.lineno as line,
  f.level,
  f.sqlstate as "sqlState",
  f.message,
  f.detail,
  f.hint,
  r.body
from routines r
cross join lateral ${extensionSchema}.plpgsql_check_function_tb(
  funcoid => r.oid::regprocedure,
  relid => coalesce(r.tgrelid, 0)::regclass,
  fatal_errors => false,
  performance_warnings => true,
  security_warnings => true,
  extra_warnings => true,
  compatibility_warnings => true,
  oldtable => r.tgoldtable,
  newtable => r.tgnewtable
) f
where not r.is_trigger or r.tgrelid is not null
union all
select
  r.routine, r.schema, r.name, null, null, 'warning', '00000', 'no trigger calls this trigger function, so it was not checked',
  null, null, r.body
from routines r
where r.is_trigger and r.tgrelid is null
order by 1, 4, 5, 6, 8
`;

/**
 * What plpgsql_check says of every routine in PL/pgSQL, generated ones included; the server must have the extension, which
 * this creates in a schema of its own.
 */
export const lintRoutines = ({
  database,
  foreignSchemas,
}: LintRoutinesOptions): Promise<readonly LintFinding[]> =>
  database.transaction(async (tx) => {
    await tx.script(
      `create schema if not exists ${extensionSchema};
       create extension if not exists plpgsql_check schema ${extensionSchema};
       set local search_path = pg_catalog;`,
    );
    const schemas = await projectSchemas(tx, [...foreignSchemas, extensionSchema]);
    return tx.query<LintFinding>(findingsQuery, [schemas]);
  });
