import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { createActionsApp } from "../../../actions/app.ts";
import { idleDelivery } from "../../../actions/delivery/index.ts";
import { registry } from "../../../actions/registry.ts";
import { createHandlers } from "../../../examples/orders/handlers/app.ts";
import { type Adopted, adoptProject } from "../../../src/cli/adopt-project.ts";
import { silentLogger } from "../../../src/core/index.ts";
import { createGate } from "../../../src/domain/gate/index.ts";
import { startTestEngine, type TestEngine } from "../../../src/testing/index.ts";

const secret = "a secret of the adopting project";
const bakery = "a0000000-0000-4000-8000-000000000000";
const books = "b0000000-0000-4000-8000-000000000000";

/** What the adopter writes: a metric of its own, its limit on free, and the meter on the own table. */
const meters = `insert into usage.metrics (key, kind, unit, feed, title, description)
values ('orders', 'counter', 'count', 'rows', 'Orders', 'Orders taken');
insert into billing.plan_limits (plan_id, metric, limit_value)
values ('free', 'orders', 3), ('pro', 'orders', null);
select usage.attach_meter('public.orders', 'orders', p_workspace => 'shop_id');
`;

let folder: string;
let adopted: Adopted;
let project: TestEngine;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "hasura-usage-adopt-"));
  await cp(join(process.cwd(), "examples", "orders", "hasura"), folder, { recursive: true });
  adopted = await adoptProject({
    from: join(process.cwd(), "hasura"),
    to: folder,
    source: "default",
    tenantTable: "public.shops",
  });
  const own = join(folder, "migrations", "default", "1777000000000_attach_meters");
  await mkdir(own);
  await writeFile(join(own, "up.sql"), meters);
  await writeFile(join(own, "down.sql"), "select usage.detach_meter('public.orders', 'orders');\n");
  project = await startTestEngine({
    metadata: join(folder, "metadata"),
    migrations: join(folder, "migrations"),
    seeds: join(folder, "seeds"),
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
  await rm(folder, { recursive: true, force: true });
});

const takeOrder = (shop: string) =>
  project
    .as("clerk", { "x-hasura-shop-id": shop })
    .query(`mutation { insert_orders_one(object: {customer: "Mia"}) { shop_id } }`);

const member = (shop: string) =>
  project.as("user", { "x-hasura-workspace-id": shop, "x-hasura-user-id": shop });

describe("a foreign project that adopts billing and usage", () => {
  it("keeps its own files, and gets ours behind its last migration", async () => {
    const names = (await readdir(join(folder, "migrations", "default"))).sort();
    expect(names[0]).toBe("1767225600000_create_orders");
    expect(names.slice(1, -1)).toEqual(adopted.migrations);
    expect(adopted.migrations[0]).toMatch(/_create_workspaces$/u);
    expect(adopted.migrations.some((name) => /channels|bots|invitations|attach/u.test(name))).toBe(false);
    expect(await readFile(join(folder, "metadata", "actions.graphql"), "utf8")).toContain("payOrder");
    expect(adopted.actions).toContain("consumeUsage");
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

  it("is adopted once", async () => {
    const again = adoptProject({ from: join(process.cwd(), "hasura"), to: folder, source: "default" });
    await expect(again).rejects.toMatchObject({ code: "adoption-refused" });
  });
});
