import { readdir } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { createActionsApp } from "../../../../actions/app.ts";
import { idleDelivery } from "../../../../actions/delivery/index.ts";
import { registry } from "../../../../actions/registry.ts";
import { createHandlers } from "../../../../examples/orders/handlers/app.ts";
import type { Adopted } from "../../../../src/cli/adopt/index.ts";
import { silentLogger } from "../../../../src/core/index.ts";
import { createGate } from "../../../../src/domain/gate/index.ts";
import { startTestEngine, type TestEngine } from "../../../../src/testing/index.ts";
import { copyProject, ordersDir, type ProjectCopy } from "../../../support/adopted-project.ts";

const secret = "a secret of the adopting project";
const bakery = "a0000000-0000-4000-8000-000000000000";
const books = "b0000000-0000-4000-8000-000000000000";

/** What the adopter writes: a metric of its own, its limit on free, and the meter on the own table. */
const meters = `insert into usage.metrics (key, kind, unit, feed, title, description)
values ('orders', 'counter', 'count', 'rows', 'Orders', 'Orders taken');
insert into billing.plan_limits (plan_id, metric, limit_value)
values ('free', 'orders', 3);
update billing.plan_limits
set limit_value = 100
where plan_id = 'free'
  and metric = 'ai_queries';
select usage.attach_meter('public.orders', 'orders', p_workspace => 'shop_id');
`;

let copy: ProjectCopy;
let adopted: Adopted;
let project: TestEngine;

beforeAll(async () => {
  copy = await copyProject(ordersDir);
  adopted = await copy.adopt({ tenant: { schema: "public", name: "shops" } });
  await copy.addMigration(
    "1777000000000_attach_meters",
    meters,
    "select usage.detach_meter('public.orders', 'orders');\n",
  );
  project = await startTestEngine({
    metadata: copy.path("metadata"),
    migrations: copy.path("migrations"),
    seeds: copy.path("seeds"),
    webhooks: ({ database, clock }) => {
      const usage = createActionsApp({
        database,
        delivery: idleDelivery,
        gate: createGate({ database, clock }),
        clock,
        logger: silentLogger,
        registry,
        secret,
      });
      const orders = createHandlers({ database, secret });
      return (request, response) => {
        (request.headers.host === "usage.test" ? usage : orders)(request, response);
      };
    },
    env: {
      HANDLERS_URL: "http://orders.test",
      WEBHOOK_SECRET: secret,
      ACTIONS_BASE_URL: "http://usage.test",
      ACTION_SECRET: secret,
    },
    database: process.env["TEST_DATABASE_URL"] ?? "",
    settings: { inferFunctionPermissions: true },
  });
});

afterAll(async () => {
  await project.stop();
  await copy.remove();
});

const takeOrder = (shop: string) =>
  project
    .as("clerk", { "x-hasura-shop-id": shop })
    .query(`mutation { insert_orders_one(object: {customer: "Mia"}) { shop_id } }`);

const member = (shop: string) =>
  project.as("user", { "x-hasura-workspace-id": shop, "x-hasura-user-id": shop });

describe("a foreign project that adopts billing and usage", () => {
  it("keeps its own migrations, and gets one behind the last of them", async () => {
    expect(adopted).toMatchObject({ action: "install", isWritten: true, faults: [], kept: [], notes: [] });
    const names = (await readdir(copy.path("migrations", "default"))).sort();
    expect(names).toEqual([
      "1767225600000_create_orders",
      "1767225601000_install_hasura_usage_0_1_0",
      "1777000000000_attach_meters",
    ]);
    const up = await copy.read(`migrations/default/${adopted.migration ?? ""}/up.sql`);
    expect(up).not.toMatch(/\bchannels?\b.*create table|search_logs|create table public\.(?!workspaces)/u);
  });

  it("has the plan free alone, with the metrics that the product feeds", async () => {
    expect(await project.database.query("select id, rate_limit_per_minute from billing.plans")).toEqual([
      { id: "free", rate_limit_per_minute: 100 },
    ]);
    const limits = await project.database.query(
      "select metric, limit_value from billing.plan_limits where metric not in ('orders', 'ai_queries') order by 1",
    );
    expect(limits).toEqual([
      { metric: "ai_cost_micro_usd", limit_value: "0" },
      { metric: "ai_seconds", limit_value: "0" },
      { metric: "api_calls", limit_value: null },
    ]);
  });

  it("keeps its own actions beside ours", async () => {
    const sdl = await copy.read("metadata/actions.graphql");
    expect(sdl).toContain("  payOrder(orderId: uuid!, amountCents: Int!): PaidOrder!\n");
    expect(sdl).toContain("consumeUsage(");
  });

  it("counts its rows and holds their limit", async () => {
    // The project's own seeds count too.
    const before = await member(bakery).data(
      `{ usage_current(where: {metric: {_eq: "orders"}}) { used limit_value } }`,
    );
    const [row] = before["usage_current"] as readonly { used: number; limit_value: number }[];
    expect(row?.limit_value).toBe(3);
    for (let used = row?.used ?? 3; used < 3; used += 1) {
      expect(await takeOrder(bakery)).toEqual({ data: { insert_orders_one: { shop_id: bakery } } });
    }
    const refused = await takeOrder(bakery);
    expect(refused.errors?.[0]).toMatchObject({
      message: expect.stringContaining("limit of 3 orders reached: 3 used, 1 more requested"),
      extensions: { code: "constraint-violation" },
    });
    expect((await takeOrder(books)).errors).toBeUndefined();
  });

  it("shows a shop its own usage alone", async () => {
    const answer = await member(books).data("{ usage_current { workspace_id } workspaces { id } }");
    expect(JSON.stringify(answer)).not.toContain(bakery);
    expect(answer["workspaces"]).toEqual([{ id: books }]);
  });

  it("answers the gate beside the project's own actions", async () => {
    const document = `mutation ($w: uuid!) { consumeUsage(workspaceId: $w, metric: "ai_queries", amount: 2) { allowed used } }`;
    expect(await member(books).data(document, { w: books })).toEqual({
      consumeUsage: { allowed: true, used: 2 },
    });
    expect((await member(books).query(document, { w: bakery })).errors?.[0]?.extensions["code"]).toBe(
      "workspace-forbidden",
    );
    const inside = `mutation { usage_gate(args: {metric: "ai_queries"}) { used } }`;
    expect(await member(books).data(inside)).toEqual({ usage_gate: [{ used: 3 }] });
  });

  it("recounts by its cron trigger, and forgets a shop that is gone", async () => {
    const [fired] = await project.fireCron("usage_reconcile");
    expect(fired).toMatchObject({ status: 200 });
    expect(await project.database.query("select from usage.reconciliations")).toEqual([]);
    await project.database.query("delete from orders where shop_id = $1", [books]);
    await project.database.query("delete from shops where id = $1", [books]);
    expect(
      await project.database.query("select from usage.counters where workspace_id = $1", [books]),
    ).toEqual([]);
  });

  it("has nothing to do a second time", async () => {
    const before = await copy.digest();
    expect(await copy.adopt()).toMatchObject({ action: "none", isWritten: false, faults: [], kept: [] });
    expect(await copy.digest()).toBe(before);
  });
});
