import type { GraphQLSchema } from "graphql";
import type { TestProduct } from "../../support/product.ts";
import type { Tenant } from "../../support/tenants.ts";
import { type Headers, readSchema } from "./client-schema.ts";
import { type BoundRole, boundRoles, tables } from "./surface.ts";

export interface Attacker {
  readonly headers: Headers;
  readonly schema: GraphQLSchema;
}

/** A signed session of each role that is bound to a workspace, with the schema that it sees. */
export async function attackersOf(
  product: TestProduct,
  tenant: Tenant,
): Promise<(role: BoundRole) => Attacker> {
  const sessions = new Map<BoundRole, Attacker>();
  for (const role of boundRoles) {
    const headers = await product.tokenFor(tenant, role);
    sessions.set(role, { headers, schema: await readSchema(product, headers) });
  }
  return (role) => {
    const found = sessions.get(role);
    if (found === undefined) throw new Error(`no session of ${role}`);
    return found;
  };
}

export type Row = Readonly<Record<string, unknown>>;

/** A row of the tenant in each table that has one, by the table's name. */
export async function oneRowEach(product: TestProduct, tenant: Tenant): Promise<ReadonlyMap<string, Row>> {
  const rows = new Map<string, Row>();
  for (const [name, { relation, bound }] of Object.entries(tables)) {
    if (bound === null) continue;
    const [found] = await product.database.query<{ row: Row }>(
      `select to_jsonb(t) as row from ${relation} t where ${bound === "person" ? "id" : bound} = $1 limit 1`,
      [bound === "person" ? tenant.userId : tenant.workspaceId],
    );
    if (found !== undefined) rows.set(name, found.row);
  }
  return rows;
}
