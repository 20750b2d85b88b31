import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import express from "express";

import { startTestEngine, type TestEngine, UnexpectedErrorsError } from "../../../src/testing/index.ts";
import { hasuraDir } from "../../support/database.ts";

const workspace = {
  "X-Hasura-Workspace-Id": "10000000-0000-4000-8000-000000000000",
  "x-hasura-user-id": "u",
};

interface Webhook {
  readonly path: string;
  readonly secret: string | undefined;
  readonly body: Readonly<Record<string, unknown>>;
}

let seen: Webhook[] = [];
const app = express();
app.use(express.json());
app.post("/{*path}", (request, response) => {
  seen.push({
    path: request.path,
    secret: request.get("x-action-secret"),
    body: request.body as Webhook["body"],
  });
  if (request.path.startsWith("/cron")) response.json({ done: true });
  else response.status(409).json({ message: "not today", extensions: { code: "closed" } });
});

const start = (more: { readonly database?: string } = {}): Promise<TestEngine> =>
  startTestEngine({
    metadata: join(hasuraDir, "metadata"),
    migrations: join(hasuraDir, "migrations"),
    seeds: join(hasuraDir, "seeds"),
    webhooks: () => app,
    env: { ACTIONS_BASE_URL: "http://webhooks.test", ACTION_SECRET: "secret" },
    now: "2026-03-01T00:30:00Z",
    ...more,
  });

describe("a Hasura project under test", () => {
  let test: TestEngine;
  const plans = async (): Promise<unknown> =>
    (await test.as("anonymous").data("{ billing_plans(order_by: { rank: asc }) { id } }"))["billing_plans"];

  beforeAll(async () => {
    test = await start({ database: process.env["TEST_DATABASE_URL"] ?? "" });
  });
  beforeEach(() => {
    seen = [];
  });
  afterAll(() => test.stop());

  it("answers a role as Hasura would, errors included", async () => {
    expect(await plans()).toContainEqual({ id: "free" });
    const refused = await test.as("anonymous").query("{ messages { id } }");
    expect(refused.errors?.[0]?.extensions).toEqual({
      code: "validation-failed",
      path: "$.selectionSet.messages",
    });
    await expect(test.as("anonymous").data("{ messages { id } }")).rejects.toThrow(UnexpectedErrorsError);
  });

  it("returns to the seeded rows, and to frozen ones", async () => {
    const before = await plans();
    await test.database.query(
      "insert into billing.plans (id, name, rank, rate_limit_per_minute) values ('extra', 'Extra', 99, 1)",
    );
    expect(await plans()).toContainEqual({ id: "extra" });
    await test.reset();
    expect(await plans()).toEqual(before);

    await test.database.query(
      "insert into billing.plans (id, name, rank, rate_limit_per_minute) values ('kept', 'Kept', 98, 1)",
    );
    await test.freeze();
    await test.database.query("delete from billing.plans where id = 'kept'");
    await test.reset();
    expect(await plans()).toContainEqual({ id: "kept" });
    await test.reset();
    expect(await plans()).toContainEqual({ id: "kept" });
  });

  it("calls the app of the test for an action, without a network", async () => {
    const answer = await test
      .as("user", workspace)
      .query("query ($w: uuid!) { suggestUpgrade(workspaceId: $w) { __typename } }", {
        w: workspace["X-Hasura-Workspace-Id"],
      });
    expect(answer.errors).toEqual([
      {
        message: "not today",
        extensions: expect.objectContaining({ code: "closed" }),
      },
    ]);
    expect(seen).toEqual([
      {
        path: "/actions/suggestUpgrade",
        secret: "secret",
        body: expect.objectContaining({
          session_variables: {
            "x-hasura-role": "user",
            "x-hasura-user-id": "u",
            "x-hasura-workspace-id": workspace["X-Hasura-Workspace-Id"],
          },
        }),
      },
    ]);
  });

  it("says what handlers were sent and why a call failed", async () => {
    await test.reset();
    await test.fireCron("usage_reconcile");
    expect(test.webhookCalls()).toMatchObject([
      {
        url: "http://webhooks.test/cron/usage_reconcile",
        method: "POST",
        body: { name: "usage_reconcile", scheduled_time: "2026-03-01T00:30:00Z" },
        answer: { status: 200, body: { done: true } },
        error: undefined,
      },
    ]);
    await test.reset();
    expect(test.webhookCalls()).toEqual([]);
    await expect(test.fireCron("usage_reconcile", { scheduledTime: "noon" })).rejects.toThrow(
      "'noon' is no moment",
    );
  });

  it("fires a cron trigger twice and out of order", async () => {
    const twice = await test.fireCron("usage_reconcile", { times: 2 });
    const earlier = await test.fireCron("usage_reconcile", { scheduledTime: "2025-01-01T00:00:00Z" });
    expect([...twice, ...earlier].map(({ status, body }) => [status, body])).toEqual(
      Array.from({ length: 3 }, () => [200, '{"done":true}']),
    );
    expect(new Set([...twice, ...earlier].map(({ eventId }) => eventId)).size).toBe(3);
    expect(seen.map(({ body }) => body["scheduled_time"])).toEqual([
      "2026-03-01T00:30:00Z",
      "2026-03-01T00:30:00Z",
      "2025-01-01T00:00:00Z",
    ]);
    await expect(test.fireCron("nobody_knows")).rejects.toThrow("nobody_knows");
  });

  it("delivers what the clock makes due", async () => {
    expect(await test.deliverDue()).toBe(0);
    test.clock.advance({ hours: 1 });
    expect(await test.deliverDue()).toBeGreaterThan(0);
    expect(await test.deliverDue()).toBe(0);
    expect(seen.map(({ path }) => path)).toContain("/cron/usage_reconcile");
  });

  it("delivers a one-off scheduled event once it is due", async () => {
    const url = await test.listen();
    const created = await fetch(`${url}/v1/metadata`, {
      method: "POST",
      body: JSON.stringify({
        type: "create_scheduled_event",
        args: {
          webhook: "{{ACTIONS_BASE_URL}}/cron/once",
          schedule_at: new Date(test.clock.now().getTime() + 60_000).toISOString(),
          payload: { what: "once" },
        },
      }),
    });
    expect(await created.json()).toMatchObject({ message: "success" });
    // Cron triggers may become due in the same minute.
    const once = (): readonly Webhook[] => seen.filter(({ path }) => path === "/cron/once");
    await test.deliverDue();
    expect(once()).toEqual([]);
    test.clock.advance({ minutes: 1 });
    await test.deliverDue();
    expect(once()).toMatchObject([{ body: { payload: { what: "once" } } }]);
    expect(await test.deliverDue()).toBe(0);
    expect(once()).toHaveLength(1);
  });

  it("shows the schema and the statement of a role", () => {
    expect(test.sdl("anonymous")).toContain("billing_plans(");
    expect(test.sdl("anonymous")).not.toContain("messages(");
    const [statement] = test.explainSql(
      "user",
      "query ($name: String!) { channels(where: { name: { _eq: $name } }) { id } }",
      { name: "drop table channels" },
    );
    expect(statement?.sql).toContain('from "public"."channels"');
    expect(statement?.sql).not.toContain("drop");
    expect(statement?.parameters).toEqual(
      expect.arrayContaining([
        { from: "session", name: "x-hasura-workspace-id" },
        { from: "value", value: "drop table channels" },
      ]),
    );
  });

  it("listens for clients that need an address", async () => {
    const url = await test.listen();
    expect(await (await fetch(`${url}/healthz`)).text()).toBe("OK");
    expect(await test.listen()).toBe(url);
  });
});

it("names a folder that is not there", async () => {
  const missing = join(hasuraDir, "migrationz");
  await expect(
    startTestEngine({ metadata: join(hasuraDir, "metadata"), migrations: missing }),
  ).rejects.toMatchObject({
    code: "folder-not-found",
    message: `migrations: there is no folder ${missing}`,
  });
});

it("brings its own PostgreSQL and removes it", async () => {
  const test = await start();
  const url = test.databaseUrl;
  expect(await test.database.query("select count(*)::int as plans from billing.plans")).toEqual([
    { plans: 5 },
  ]);
  await test.stop();
  const { createDatabase } = await import("../../../src/testing/index.ts");
  const gone = createDatabase({ connectionString: url, maxConnections: 1 });
  await expect(gone.query("select 1")).rejects.toMatchObject({ code: "database-unavailable" });
  await gone.close();
});
