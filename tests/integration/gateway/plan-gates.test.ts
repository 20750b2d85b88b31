import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { createWorkspace } from "../../support/workspaces.ts";
import { ask, ok, type RunningGates, startGates } from "./plan-gates-support.ts";

let test: TestDatabase;
let running: RunningGates;
let workspace: string;

const subscribe = async (planId: string, status = "active"): Promise<void> => {
  await test.database.query("delete from billing.subscriptions where workspace_id = $1", [workspace]);
  await test.database.query(
    `insert into billing.subscriptions (workspace_id, plan_id, status, starts_at)
     values ($1, $2, $3, now() - interval '1 day')`,
    [workspace, planId, status],
  );
};

beforeAll(async () => {
  test = await createTestDatabase();
  running = await startGates({
    database: test.database,
    routes: (app, gates) => {
      app.get("/webhooks", gates.requireFeature("webhooks"), ok);
      app.get("/nonsense", gates.requireFeature("no_such_feature"), ok);
      app.get("/pro", gates.requireMinimumPlan("pro"), ok);
      app.get("/no-plan", gates.requireMinimumPlan("platinum"), ok);
      app.get("/both", gates.requireFeature("data_export"), gates.requireMinimumPlan("starter"), ok);
      app.get("/standing", async (request, response) => {
        response.json({ ok: (await gates.standingOf(request))?.features.has("data_export") ?? false });
      });
    },
  });
});
afterAll(async () => {
  await running.stop();
  await test.drop();
});
beforeEach(async () => {
  workspace = (await createWorkspace(test.database)).id;
});

describe("requireFeature", () => {
  it("refuses with 403 what the plan lacks and names the cheapest plan that has it", async () => {
    const { status, headers, body } = await ask(`${running.url}/webhooks`, workspace);
    expect(status).toBe(403);
    expect(headers.get("cache-control")).toBe("no-store");
    expect(body).toEqual({
      code: "feature-not-in-plan",
      reason: "webhooks is not part of the plan Free.",
      gate: "feature",
      currentPlan: { id: "free", name: "Free" },
      upgrade: { planId: "starter", name: "Starter", priceCents: 800 },
      upgradeUrl: "https://example.com/upgrade",
      retryAfterSeconds: null,
      details: { kind: "feature", feature: "webhooks" },
    });
  });

  it("lets through from the moment on in which the plan has it, and no longer than it does", async () => {
    await subscribe("starter");
    expect(await ask(`${running.url}/webhooks`, workspace)).toMatchObject({
      status: 200,
      body: { ok: true },
    });
    await subscribe("free");
    expect(await ask(`${running.url}/webhooks`, workspace)).toMatchObject({ status: 403 });
  });

  it("asks for a live subscription where the last one would have it", async () => {
    await subscribe("pro", "paused");
    expect(await ask(`${running.url}/webhooks`, workspace)).toMatchObject({
      status: 403,
      body: { code: "plan-required", currentPlan: { id: "free" }, upgrade: { planId: "starter" } },
    });
  });

  it("never offers a plan that is not on the price list", async () => {
    await test.database.query("update billing.plans set is_public = false where id = 'starter'");
    try {
      expect(await ask(`${running.url}/webhooks`, workspace)).toMatchObject({
        body: { upgrade: { planId: "pro" } },
      });
    } finally {
      await test.database.query("update billing.plans set is_public = true where id = 'starter'");
    }
  });

  it("refuses a feature that nobody defined to every plan, as a mistake and not as something to buy", async () => {
    await subscribe("enterprise");
    expect(await ask(`${running.url}/nonsense`, workspace)).toMatchObject({
      status: 403,
      body: { code: "unknown-feature", upgrade: null },
    });
  });
});

describe("requireMinimumPlan", () => {
  it.each([
    ["free", 403],
    ["starter", 403],
    ["pro", 200],
    ["enterprise", 200],
  ])("answers a workspace on %s with %i", async (planId, status) => {
    await subscribe(planId);
    const answer = await ask(`${running.url}/pro`, workspace);
    expect(answer.status).toBe(status);
    if (status === 403) {
      expect(answer.body).toMatchObject({
        code: "plan-required",
        upgrade: { planId: "pro", name: "Pro", priceCents: 2_500 },
        details: { kind: "plan", requiredPlan: "pro" },
      });
    }
  });

  it("refuses everybody for a plan that does not exist", async () => {
    await subscribe("enterprise");
    expect(await ask(`${running.url}/no-plan`, workspace)).toMatchObject({
      status: 403,
      body: { code: "unknown-plan", upgrade: null },
    });
  });
});

describe("whose request it is", () => {
  it.each([
    ["no session", null],
    ["no identifier", "' or true --"],
    ["nobody's identifier", randomUUID()],
  ])("refuses %s", async (_what, session) => {
    expect(await ask(`${running.url}/webhooks`, session)).toMatchObject({
      status: 403,
      body: { code: "workspace-forbidden", currentPlan: null, upgrade: null },
    });
  });

  it("takes the first refusal of several gates and tells the listener of each decision", async () => {
    const before = running.events.length;
    expect(await ask(`${running.url}/both`, workspace)).toMatchObject({ body: { gate: "plan" } });
    expect(running.events.slice(before)).toEqual([
      { gate: "feature", outcome: "allowed", code: null, workspaceId: workspace },
      { gate: "plan", outcome: "refused", code: "plan-required", workspaceId: workspace },
    ]);
    expect(await ask(`${running.url}/standing`, workspace)).toMatchObject({ body: { ok: true } });
  });
});
