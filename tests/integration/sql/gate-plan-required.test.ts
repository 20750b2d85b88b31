import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";

import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { createWorkspace, type Workspace } from "../../support/workspaces.ts";
import { askOne } from "./gate-support.ts";

let test: TestDatabase;
let workspace: Workspace;

beforeAll(async () => {
  test = await createTestDatabase();
});
afterAll(() => test.drop());
beforeEach(async () => {
  workspace = await createWorkspace(test.database);
});

const subscribe = (planId: string, status = "active", rest = "null"): Promise<unknown> =>
  test.database.query(
    `insert into billing.subscriptions (workspace_id, plan_id, status, starts_at, ends_at)
     values ($1, $2, $3, now() - interval '2 days', (${rest})::timestamptz)`,
    [workspace.id, planId, status],
  );

const ask = async (op = "consume") => {
  const decision = await askOne(test.database, {
    op,
    workspaceId: workspace.id,
    metric: "ai_seconds",
    amount: 1,
  });
  return { allowed: decision.allowed, reason: decision.reason, upgrade: decision.upgrade?.planId ?? null };
};

describe("a metric that free does not include", () => {
  it.each(["check", "consume", "reserve"])(
    "is feature-not-in-plan for a workspace without a former plan: %s",
    async (op) => {
      expect(await ask(op)).toEqual({ allowed: false, reason: "feature-not-in-plan", upgrade: "starter" });
    },
  );

  it.each([
    ["paused", () => subscribe("pro", "paused")],
    ["over", () => subscribe("pro", "active", "now() - interval '1 day'")],
    [
      "cancelled",
      async () => {
        await subscribe("pro");
        await test.database.query(
          "update billing.subscriptions set status = 'cancelled' where workspace_id = $1",
          [workspace.id],
        );
      },
    ],
  ])("is plan-required where the subscription is %s", async (_, lapse) => {
    await lapse();
    expect(await ask()).toEqual({ allowed: false, reason: "plan-required", upgrade: "starter" });
    expect(await ask("check")).toMatchObject({ reason: "plan-required" });
  });

  it("is feature-not-in-plan where the lapsed plan lacks it too", async () => {
    await subscribe("free", "paused");
    expect(await ask()).toMatchObject({ reason: "feature-not-in-plan" });
  });

  it("is feature-not-in-plan where a live subscription lacks it, whatever came before", async () => {
    await subscribe("pro", "paused");
    await subscribe("free");
    expect(await ask()).toMatchObject({ reason: "feature-not-in-plan" });
    await test.database.query(
      "update billing.subscriptions set status = 'cancelled' where workspace_id = $1",
      [workspace.id],
    );
    await subscribe("pro");
    expect(await ask()).toEqual({ allowed: true, reason: null, upgrade: null });
  });

  it("does not change the refusal at a limit of free", async () => {
    await subscribe("pro", "paused");
    const over = { op: "check", workspaceId: workspace.id, metric: "ai_queries", amount: 101 };
    expect(await askOne(test.database, over)).toMatchObject({ reason: "usage-limit-exceeded", limit: 100 });
  });

  it("has its own code in refusals of rows and of usage.gate", async () => {
    await subscribe("pro", "paused");
    const [call] = await test.database.query<{ id: string }>(
      "insert into calls (workspace_id, started_at) values ($1, now()) returning id",
      [workspace.id],
    );
    const rows = test.database.query(
      "insert into call_recordings (call_id, workspace_id, size_bytes) values ($1, $2, 5)",
      [call?.id, workspace.id],
    );
    await expect(rows).rejects.toMatchObject({
      code: "23U01",
      detail: expect.stringContaining('"plan-required"'),
    });
    const gate = test.database.query("select usage.gate(metric => 'ai_seconds', workspace_id => $1)", [
      workspace.id,
    ]);
    await expect(gate).rejects.toMatchObject({
      code: "23U01",
      message:
        "ai_seconds is not included without a live subscription: limit of 0, 0 s used, 1 s more requested",
    });
  });

  it("returns the first answer again for an idempotency key", async () => {
    await subscribe("pro", "paused");
    const request = {
      op: "consume",
      workspaceId: workspace.id,
      metric: "ai_seconds",
      idempotencyKey: "once",
    };
    const first = await askOne(test.database, request);
    expect(first.reason).toBe("plan-required");
    await test.database.query("delete from billing.subscriptions where workspace_id = $1", [workspace.id]);
    expect(await askOne(test.database, request)).toEqual(first);
  });
});
