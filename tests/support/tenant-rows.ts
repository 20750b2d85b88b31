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
     where table_schema in ('public', 'billing', 'usage')
       and table_type = 'BASE TABLE'
       and (column_name = 'workspace_id' or (table_name = 'workspaces' and column_name = 'id'))
     order by 1`,
  );

export async function readTenantRows(db: Queryable, tenant: Tenant): Promise<TenantRows> {
  const found: Record<string, string> = {};
  for (const { name, key } of await readTables(db)) {
    const [row] = await db.query<{ rows: string | null }>(
      `select string_agg(to_jsonb(t)::text, e'\\n' order by to_jsonb(t)::text) as rows from ${name} t where ${key} = $1`,
      [tenant.workspaceId],
    );
    found[name] = row?.rows ?? "";
  }
  const [people] = await db.query<{ rows: string | null }>(
    "select string_agg(to_jsonb(u)::text, e'\\n' order by id) as rows from users u where id = any($1)",
    [[tenant.userId, tenant.memberId]],
  );
  found["public.users"] = people?.rows ?? "";
  return found;
}

const uuidPattern = /[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}/gu;

/** What nobody outside the tenant may ever be shown: its mark and every id in its rows. */
export function secretsOf(rows: TenantRows, tenant: Tenant): readonly string[] {
  const ids = Object.values(rows).flatMap((text) => text.match(uuidPattern) ?? []);
  return [tenant.mark, ...new Set(ids)];
}
