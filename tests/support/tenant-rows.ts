import { type Queryable } from "../../src/core/index.ts";
import { type Tenant } from "./tenants.ts";

/** Every row that belongs to a tenant, by table, as text that two moments can be compared by. */
export type TenantRows = Readonly<Record<string, string>>;

interface TenantTable {
  readonly name: string;
  readonly key: string;
}

const readTables = (db: Queryable): Promise<readonly TenantTable[]> =>
  db.query<TenantTable>(
    `select format('%I.%I', table_schema, table_name) as name, column_name as key
     from information_schema.columns
     join information_schema.tables using (table_schema, table_name)
     where table_schema in ('public', 'billing', 'usage', 'analytics')
       and table_type = 'BASE TABLE'
       and (column_name = 'workspace_id' or (table_name = 'workspaces' and column_name = 'id'))
     order by 1`,
  );

/** In one statement, so that it is one moment. */
export async function readTenantRows(db: Queryable, tenant: Tenant): Promise<TenantRows> {
  const parts = (await readTables(db)).map(
    ({ name, key }) => `select '${name}' as name, to_jsonb(t)::text as row from ${name} t where ${key} = $1`,
  );
  const rows = await db.query<{ name: string; rows: string }>(
    `select name, string_agg(row, e'\\n' order by row) as rows
     from (
       ${parts.join("\nunion all\n")}
       union all
       select 'public.users', to_jsonb(u)::text from public.users u where u.id = any($2)
     ) as held
     group by name
     order by name`,
    [tenant.workspaceId, [tenant.userId, tenant.memberId]],
  );
  return Object.fromEntries(rows.map(({ name, rows: text }) => [name, text]));
}

const uuidPattern = /[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}/gu;

/** What nobody outside the tenant may ever be shown: its mark and every id in its rows. */
export function secretsOf(rows: TenantRows, tenant: Tenant): readonly string[] {
  const ids = Object.values(rows).flatMap((text) => text.match(uuidPattern) ?? []);
  return [tenant.mark, ...new Set(ids)];
}
