import type { Database, Transaction } from "../../../core/index.ts";
import type { Members, TableName } from "../options.ts";

export interface Column {
  readonly name: string;
  readonly type: string;
}

export interface Table {
  /** As in `pg_class.relkind`: r is a table, p a partitioned one, v a view. */
  readonly kind: string;
  readonly columns: readonly Column[];
  /** Of the primary key; none where there is no such key. */
  readonly key: readonly Column[];
}

/** What adopt has to know of a project's database. */
export interface DatabaseFacts {
  /** As `server_version_num`. */
  readonly serverVersion: number;
  /** Schemas of the database that the product would make, with what is in them. */
  readonly takenSchemas: readonly { readonly name: string; readonly objects: readonly string[] }[];
  readonly tenant: Table | undefined;
  readonly workspaces: Table | undefined;
  readonly members: Table | undefined;
}

const productSchemas = ["billing", "usage", "analytics"];

const takenQuery = `
select
  n.nspname as name,
  array(
    select c.relname
    from pg_catalog.pg_class c
    where c.relnamespace = n.oid and c.relkind in ('r', 'p', 'v', 'm', 'f')
    union all
    select p.proname || '()'
    from pg_catalog.pg_proc p
    where p.pronamespace = n.oid
    order by 1
  )::text[] as objects
from pg_catalog.pg_namespace n
where n.nspname = any ($1)
order by n.nspname`;

const tableQuery = `
select
  c.relkind as kind,
  coalesce(
    (
      select jsonb_agg(jsonb_build_object('name', a.attname, 'type', format_type(a.atttypid, null)) order by a.attnum)
      from pg_catalog.pg_attribute a
      where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    ),
    '[]'
  ) as columns,
  coalesce(
    (
      select jsonb_agg(
        jsonb_build_object('name', a.attname, 'type', format_type(a.atttypid, null)) order by k.position
      )
      from pg_catalog.pg_constraint p
      cross join lateral unnest(p.conkey) with ordinality as k (number, position)
      join pg_catalog.pg_attribute a
        on a.attrelid = p.conrelid and a.attnum = k.number
      where p.conrelid = c.oid and p.contype = 'p'
    ),
    '[]'
  ) as key
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n
  on n.oid = c.relnamespace
where n.nspname = $1 and c.relname = $2 and c.relkind in ('r', 'p', 'v', 'm', 'f')`;

const readTable = async (tx: Transaction, table: TableName | undefined): Promise<Table | undefined> => {
  if (table === undefined) return undefined;
  const [found] = await tx.query<Table>(tableQuery, [table.schema, table.name]);
  return found;
};

export interface FactsRequest {
  readonly tenant: TableName | undefined;
  readonly members: Members | undefined;
}

/** Reads the catalog and changes nothing. */
export const readFacts = (database: Database, { tenant, members }: FactsRequest): Promise<DatabaseFacts> =>
  database.transaction(async (tx) => {
    await tx.script("set transaction read only; set local search_path = ''");
    const [server] = await tx.query<{ readonly version: string }>(
      "select current_setting('server_version_num') as version",
    );
    return {
      serverVersion: Number(server?.version ?? 0),
      takenSchemas: await tx.query(takenQuery, [productSchemas]),
      tenant: await readTable(tx, tenant),
      workspaces: await readTable(tx, { schema: "public", name: "workspaces" }),
      members: await readTable(tx, members),
    };
  });
