import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { startTestProduct, type TestProduct } from "../../support/product.ts";
import { createTenant, type Tenant } from "../../support/tenants.ts";

let product: TestProduct;
let tenant: Tenant;
let neighbour: Tenant;

beforeAll(async () => {
  product = await startTestProduct();
  tenant = await createTenant(product.database, "tenant");
  neighbour = await createTenant(product.database, "neighbour");
  // Both members of both workspaces have files.
  for (const { workspaceId, memberId } of [tenant, neighbour])
    await product.database.query(
      "insert into files (workspace_id, uploader_id, name, size_bytes) values ($1, $2, 'a', 7)",
      [workspaceId, memberId],
    );
});
afterAll(async () => {
  await product.stop();
});

const seen = async (role: "user" | "workspace_admin" | "service" | "operator"): Promise<unknown> => {
  const { data, errors } = await product.ask(
    await product.tokenFor(tenant, role),
    "{ usage_member_current(order_by: {used: asc}) { workspace_id member_id used limit_value remaining } }",
  );
  expect(errors).toBeUndefined();
  return data?.["usage_member_current"];
};
const row = ({ workspaceId }: Tenant, member: string, used: number): unknown => ({
  workspace_id: workspaceId,
  member_id: member,
  used,
  limit_value: 100,
  remaining: 100 - used,
});

describe("usage_member_current", () => {
  it("shows a member its own row", async () => {
    expect(await seen("user")).toEqual([row(tenant, tenant.userId, 10)]);
  });

  it.each(["workspace_admin", "service"] as const)("shows %s the members of its workspace", async (role) => {
    expect(await seen(role)).toEqual([row(tenant, tenant.memberId, 7), row(tenant, tenant.userId, 10)]);
  });

  it("shows the operator all of them", async () => {
    expect(await seen("operator")).toHaveLength(4);
  });
});

describe("billing_member_limits", () => {
  const limits = "{ billing_member_limits { workspace_id plan_id metric limit_value } }";
  const own = { workspace_id: "", plan_id: null, metric: "storage_bytes", limit_value: 100 };

  it("are those of the own workspace and of plans", async () => {
    await product.database.query(
      "insert into billing.member_limits (plan_id, metric, limit_value) values ('pro', 'messages', 5)",
    );
    for (const role of ["user", "workspace_admin", "service"] as const) {
      const { data } = await product.ask(await product.tokenFor(tenant, role), limits);
      const rows = data?.["billing_member_limits"] as readonly unknown[];
      expect(rows).toHaveLength(2);
      expect(rows).toEqual(
        expect.arrayContaining([
          { ...own, workspace_id: tenant.workspaceId },
          { workspace_id: null, plan_id: "pro", metric: "messages", limit_value: 5 },
        ]),
      );
    }
  });

  it("of a plan are out of the operator's reach", async () => {
    const { data } = await product.ask(
      await product.tokenFor(tenant, "operator"),
      "mutation { update_billing_member_limits(where: {}, _set: {limit_value: 1}) { affected_rows returning { plan_id } } }",
    );
    expect(data?.["update_billing_member_limits"]).toEqual({
      affected_rows: 2,
      returning: [{ plan_id: null }, { plan_id: null }],
    });
  });
});
