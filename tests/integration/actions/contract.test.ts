import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { actionSecret, type RunningActions, startActions } from "../../support/actions.ts";
import { createTestDatabase } from "../../support/database.ts";
import { createWorkspace } from "../../support/workspaces.ts";

let test: Awaited<ReturnType<typeof createTestDatabase>>;
let actions: RunningActions;
let workspaceId: string;
let otherId: string;
let session: Readonly<Record<string, string>>;

beforeAll(async () => {
  test = await createTestDatabase();
  const { id, owner } = await createWorkspace(test.database);
  workspaceId = id;
  otherId = (await createWorkspace(test.database)).id;
  session = { "x-hasura-role": "user", "x-hasura-user-id": owner, "x-hasura-workspace-id": workspaceId };
  actions = await startActions(test.database);
});

afterAll(async () => {
  await actions.stop();
  await test.drop();
});

describe("the webhook contract", () => {
  it("refuses a call without the secret, and one with a wrong secret", async () => {
    const body = { action: { name: "checkUsage" }, input: {}, session_variables: session };
    for (const headers of [{}, { "x-action-secret": "wrong" }, { "x-action-secret": `${actionSecret}x` }]) {
      const response = await actions.post("/actions/checkUsage", body, headers);
      expect(response.status).toBe(401);
      expect(await response.json()).toEqual({
        message: "wrong action secret",
        extensions: { code: "access-denied" },
      });
    }
  });

  it("answers the use of the session's own workspace", async () => {
    const { status, body } = await actions.call(
      "consumeUsage",
      { workspaceId, metric: "ai_queries", amount: 2 },
      session,
    );
    expect(status).toBe(200);
    expect(body).toMatchObject({
      allowed: true,
      metric: "ai_queries",
      amount: 2,
      used: 2,
      limit: 100,
      remaining: 98,
    });
  });

  it("refuses another workspace with the same answer whether it exists or not", async () => {
    const existing = await actions.call("checkUsage", { workspaceId: otherId, metric: "messages" }, session);
    const invented = await actions.call(
      "checkUsage",
      { workspaceId: randomUUID(), metric: "messages" },
      session,
    );
    expect(existing.status).toBe(403);
    expect(existing.body).toMatchObject({ extensions: { code: "workspace-forbidden" } });
    expect(invented).toEqual(existing);
  });

  /** A workspace of its own, so that the figures of the other tests stay theirs. */
  const apart = async () => {
    const { id, owner } = await createWorkspace(test.database);
    return {
      id,
      session: { "x-hasura-role": "user", "x-hasura-user-id": owner, "x-hasura-workspace-id": id },
    };
  };

  it("uses several metrics at once, holds them, and extends a hold", async () => {
    const { id: workspaceId, session } = await apart();
    const items = [
      { metric: "ai_queries", amount: 1 },
      { metric: "ai_cost_micro_usd", amount: "5" },
    ];
    const used = await actions.call("consumeUsages", { workspaceId, items }, session);
    expect(used).toMatchObject({
      status: 200,
      body: { allowed: true, items: [{ granted: 1 }, { granted: 5 }] },
    });
    const held = await actions.call("reserveUsages", { workspaceId, items, ttlSeconds: 60 }, session);
    const [first] = (held.body as { items: readonly { reservationId: string }[] }).items;
    const longer = await actions.call(
      "extendReservation",
      { workspaceId, reservationId: first?.reservationId, ttlSeconds: 600 },
      session,
    );
    expect(longer).toMatchObject({ status: 200, body: { allowed: true, reservationStatus: "held" } });
    const none = await actions.call(
      "consumeUsages",
      {
        workspaceId,
        items: [items[0], { metric: "ai_cost_micro_usd", amount: 1_000_000_000 }],
        required: true,
      },
      session,
    );
    expect(none).toMatchObject({ status: 429, body: { extensions: { code: "usage-limit-exceeded" } } });
    const foreign = await actions.call("consumeUsages", { workspaceId: otherId, items }, session);
    expect(foreign).toMatchObject({ status: 403, body: { extensions: { code: "workspace-forbidden" } } });
    const twice = await actions.call("consumeUsages", { workspaceId, items: [items[0], items[0]] }, session);
    expect(twice).toMatchObject({ status: 400, body: { extensions: { code: "invalid-input" } } });
  });

  it("gives a part when asked to", async () => {
    const { id: workspaceId, session } = await apart();
    const { body } = await actions.call(
      "consumeUsage",
      { workspaceId, metric: "api_calls", amount: 1_000_000, partial: true },
      session,
    );
    expect(body).toMatchObject({ allowed: true, amount: 1_000_000, granted: 100_000, remaining: 0 });
  });

  it("turns a denial into an error only when it is required", async () => {
    const input = { workspaceId, metric: "ai_queries", amount: 1_000_000 };
    const plain = await actions.call("consumeUsage", input, session);
    expect(plain.status).toBe(200);
    expect(plain.body).toMatchObject({ allowed: false, reason: "usage-limit-exceeded" });
    const required = await actions.call("consumeUsage", { ...input, required: true }, session);
    expect(required.status).toBe(429);
    expect(required.body).toMatchObject({ extensions: { code: "usage-limit-exceeded", limit: 100 } });
  });

  it("refuses an unknown input key, a wrong type and a metric fed by rows, each with its code", async () => {
    const extra = await actions.call("checkUsage", { workspaceId, metric: "messages", plan: "pro" }, session);
    expect(extra).toMatchObject({ status: 400, body: { extensions: { code: "invalid-input" } } });
    const type = await actions.call("checkUsage", { workspaceId, metric: "messages", amount: 1.5 }, session);
    expect(type).toMatchObject({ status: 400, body: { extensions: { code: "invalid-input" } } });
    const rows = await actions.call("consumeUsage", { workspaceId, metric: "messages", amount: 1 }, session);
    expect(rows).toMatchObject({ status: 400, body: { extensions: { code: "row-metered" } } });
  });

  it("answers unknown names, broken JSON and a body that is too large with 4xx", async () => {
    expect((await actions.post("/actions/dropTables", {})).status).toBe(404);
    expect((await actions.post("/cron/unknown", { scheduled_time: "2026-01-01T00:00:00Z" })).status).toBe(
      404,
    );
    expect((await actions.post("/actions/checkUsage", "{")).status).toBe(400);
    expect((await actions.post("/actions/checkUsage", { pad: "x".repeat(300_000) })).status).toBe(400);
  });
});

describe("reserving", () => {
  it("holds room at once, counts what is committed, and gives a release back", async () => {
    const reserved = await actions.call(
      "reserveUsage",
      { workspaceId, metric: "ai_queries", amount: 10, ttlSeconds: 60 },
      session,
    );
    expect(reserved.body).toMatchObject({ allowed: true, reserved: 10, used: 2 });
    const { reservationId } = reserved.body;
    const committed = await actions.call("commitUsage", { workspaceId, reservationId, amount: 4 }, session);
    expect(committed.body).toMatchObject({ allowed: true, used: 6, reserved: 0 });
    const again = await actions.call("commitUsage", { workspaceId, reservationId, amount: 4 }, session);
    expect(again.body).toEqual(committed.body);

    const second = await actions.call(
      "reserveUsage",
      { workspaceId, metric: "ai_queries", amount: 5 },
      session,
    );
    const released = await actions.call(
      "releaseUsage",
      { workspaceId, reservationId: second.body["reservationId"] },
      session,
    );
    expect(released.body).toMatchObject({ allowed: true, used: 6, reserved: 0 });
  });

  it("does not find the reservation of another workspace", async () => {
    const mine = await actions.call(
      "reserveUsage",
      { workspaceId, metric: "ai_queries", amount: 1 },
      session,
    );
    const foreign = await actions.call(
      "commitUsage",
      { workspaceId: otherId, reservationId: mine.body["reservationId"] },
      { ...session, "x-hasura-workspace-id": otherId },
    );
    expect(foreign.body).toMatchObject({ allowed: false, reason: "reservation-not-found" });
    await actions.call("releaseUsage", { workspaceId, reservationId: mine.body["reservationId"] }, session);
  });
});

describe("reading", () => {
  it("reports every metric of the present period, with or without its name", async () => {
    const { body } = await actions.call("getCurrentUsage", { workspaceId }, session);
    expect(body).toMatchObject({ workspaceId, planId: "free" });
    const metrics = body["metrics"] as { metric: string; used: number; limit: number | null }[];
    expect(metrics).toHaveLength(15);
    expect(metrics.find(({ metric }) => metric === "ai_queries")).toMatchObject({
      used: 6,
      limit: 100,
      peak: 6,
    });
    const named = await actions.call("getCurrentUsage", { workspaceId, period: body["period"] }, session);
    expect(named.body).toEqual(body);
  });

  it("refuses a period that is no month, and one of which nothing is known", async () => {
    const malformed = await actions.call("getCurrentUsage", { workspaceId, period: "2026-13" }, session);
    expect(malformed).toMatchObject({ status: 400, body: { extensions: { code: "invalid-input" } } });
    const unknown = await actions.call("getCurrentUsage", { workspaceId, period: "1999-01" }, session);
    expect(unknown).toMatchObject({ status: 404, body: { extensions: { code: "invalid-input" } } });
  });

  it("suggests the first plan that fits once a limit is near, and none before", async () => {
    const before = await actions.call(
      "suggestUpgrade",
      { workspaceId: otherId },
      { ...session, "x-hasura-role": "operator" },
    );
    expect(before.body).toMatchObject({ currentPlanId: "free", metrics: [], upgrade: null });
    await actions.call("consumeUsage", { workspaceId, metric: "ai_queries", amount: 80 }, session);
    const after = await actions.call("suggestUpgrade", { workspaceId }, session);
    expect(after.body).toMatchObject({
      metrics: ["ai_queries"],
      recommendation: "add-ons",
      pressing: [{ metric: "ai_queries", used: 86, limit: 100 }],
      upgrade: { planId: "starter" },
      addOns: [{ addOnId: "ai-queries-1k", quantity: 1, priceCents: 500 }],
      downgrade: null,
    });
  });
});

describe("a cron delivery", () => {
  it("does its work once when it is delivered twice at the same moment", async () => {
    const body = {
      id: randomUUID(),
      name: "usage_reconcile",
      scheduled_time: "2026-01-01T00:05:00Z",
      payload: null,
    };
    const answers = await Promise.all(
      [1, 2, 3].map(async () => (await actions.post("/cron/usage_reconcile", body)).json()),
    );
    const duplicates = answers.filter((answer) => (answer as { duplicate?: boolean }).duplicate === true);
    expect(duplicates).toHaveLength(2);
    const runs = await test.database.query("select name from usage.cron_runs where name = 'usage_reconcile'");
    expect(runs).toHaveLength(1);
  });
});
