import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";

import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { setLimit } from "../../support/workspaces.ts";
import { ask, askOne, createWorkspace, usedOf } from "./gate-support.ts";

let test: TestDatabase;
let workspaceId: string;

beforeAll(async () => {
  test = await createTestDatabase({ maxConnections: 16 });
});
afterAll(() => test.drop());
beforeEach(async () => {
  workspaceId = await createWorkspace(test.database);
});

const consume = (amount?: number, rest: Readonly<Record<string, unknown>> = {}) => ({
  op: "consume",
  workspaceId,
  metric: "ai_queries",
  ...(amount === undefined ? {} : { amount }),
  ...rest,
});

describe("usage.gate_many: decisions", () => {
  it("counts what it allows, with the figures after the use", async () => {
    const decision = await askOne(test.database, consume(30));
    expect(decision).toMatchObject({
      allowed: true,
      reason: null,
      metric: "ai_queries",
      amount: 30,
      used: 30,
      reserved: 0,
      limit: 100,
      remaining: 70,
      retryAfterSeconds: null,
      reservationId: null,
      upgrade: null,
    });
    expect(Date.parse(decision.resetsAt ?? "")).toBeGreaterThan(Date.now());
    expect(await usedOf(test.database, workspaceId, "ai_queries")).toBe(30);
  });

  it("takes an absent or null amount as one", async () => {
    const [absent, empty] = await ask(test.database, [consume(), { ...consume(), amount: null }]);
    expect([absent?.amount, empty?.amount, empty?.used]).toEqual([1, 1, 2]);
  });

  it("allows a use that ends at the limit and refuses one that ends above it", async () => {
    const [at, above] = await ask(test.database, [consume(100), consume(1)]);
    expect(at).toMatchObject({ allowed: true, used: 100, remaining: 0 });
    expect(above).toMatchObject({
      allowed: false,
      reason: "usage-limit-exceeded",
      code: "usage-limit-exceeded",
      message: "limit of 100 ai_queries reached: 100 used, 1 more requested",
      used: 100,
      remaining: 0,
      upgrade: { planId: "starter", name: "Starter", priceCents: 800 },
    });
    expect(above?.retryAfterSeconds).toBeGreaterThan(0);
  });

  it("lets a refusal cost nothing: what still fits gets in behind it", async () => {
    const answers = await ask(test.database, [consume(90), consume(20), consume(10), consume(1)]);
    expect(answers.map(({ allowed }) => allowed)).toEqual([true, false, true, false]);
    expect(await usedOf(test.database, workspaceId, "ai_queries")).toBe(100);
  });

  it("answers an array in its own order, across workspaces and metrics", async () => {
    const other = await createWorkspace(test.database, "starter");
    const answers = await ask(test.database, [
      consume(1),
      { op: "consume", workspaceId: other, metric: "ai_queries", amount: 2 },
      { op: "check", workspaceId, metric: "channels", amount: 6 },
      { op: "consume", workspaceId, metric: "ai_cost_micro_usd", amount: 4 },
      consume(5),
    ]);
    expect(answers.map(({ metric, allowed, amount, used }) => [metric, allowed, amount, used])).toEqual([
      ["ai_queries", true, 1, 1],
      ["ai_queries", true, 2, 2],
      ["channels", false, 6, 0],
      ["ai_cost_micro_usd", true, 4, 4],
      ["ai_queries", true, 5, 6],
    ]);
    expect(await ask(test.database, [])).toEqual([]);
  });

  it("checks without changing anything", async () => {
    const request = { op: "check", workspaceId, metric: "ai_queries", amount: 100, idempotencyKey: "c" };
    expect(await askOne(test.database, request)).toMatchObject({ allowed: true, used: 0, remaining: 100 });
    expect(
      await test.database.query("select from usage.counters where workspace_id = $1", [workspaceId]),
    ).toEqual([]);
    expect(
      await test.database.query("select from usage.ledger where workspace_id = $1", [workspaceId]),
    ).toEqual([]);
  });

  it("knows no limit on a plan without one", async () => {
    const rich = await createWorkspace(test.database, "enterprise");
    expect(
      await askOne(test.database, { op: "consume", workspaceId: rich, metric: "ai_queries", amount: 1e12 }),
    ).toMatchObject({ allowed: true, limit: null, remaining: null, used: 1e12 });
  });

  it("only tells where the limit is soft", async () => {
    await test.database.query(
      "insert into billing.plans (id, name, rank, rate_limit_per_minute) values ('soft', 'Soft', 99, 1)",
    );
    await test.database.query(
      "insert into billing.plan_limits (plan_id, metric, limit_value, enforcement) values ('soft', 'ai_queries', 1, 'soft')",
    );
    const soft = await createWorkspace(test.database, "soft");
    expect(
      await askOne(test.database, { op: "consume", workspaceId: soft, metric: "ai_queries", amount: 3 }),
    ).toMatchObject({ allowed: true, used: 3, limit: 1, remaining: 0 });
  });

  it("follows a change of limit at once, and never hands back what was used", async () => {
    await askOne(test.database, consume(100));
    await setLimit(test.database, workspaceId, "ai_queries", 110);
    expect(await askOne(test.database, consume(10))).toMatchObject({ allowed: true, used: 110 });
    await setLimit(test.database, workspaceId, "ai_queries", 50);
    expect(await askOne(test.database, consume(1))).toMatchObject({
      allowed: false,
      used: 110,
      limit: 50,
      remaining: 0,
    });
  });

  it("has no reset for a gauge", async () => {
    expect(
      await askOne(test.database, { op: "check", workspaceId, metric: "channels", amount: 6 }),
    ).toMatchObject({ reason: "usage-limit-exceeded", resetsAt: null, retryAfterSeconds: null });
  });
});

describe("usage.gate_many: refusals", () => {
  it("names a metric that the plan lacks, with the first plan that has headroom for it", async () => {
    const request = { op: "consume", workspaceId, metric: "ai_seconds", amount: 6_001 };
    expect(await askOne(test.database, request)).toMatchObject({
      allowed: false,
      reason: "feature-not-in-plan",
      limit: 0,
      upgrade: { planId: "pro" },
    });
    expect(
      await test.database.query("select from usage.counters where workspace_id = $1", [workspaceId]),
    ).toEqual([]);
  });

  it.each([
    ["row-metered", { metric: "channels" }],
    ["unknown-metric", { metric: "no_such_metric" }],
    ["workspace-forbidden", { workspaceId: "00000000-0000-4000-8000-000000000000" }],
    ["workspace-forbidden", { workspaceId: "no-uuid" }],
    ["invalid-input", { workspaceId: null }],
    ["invalid-input", { amount: 0 }],
    ["invalid-input", { amount: -1 }],
    ["invalid-input", { amount: 1.5 }],
    ["invalid-input", { amount: "many" }],
    ["invalid-input", { amount: "9007199254740992" }],
    ["invalid-input", { amount: 1e30 }],
    ["invalid-input", { op: "take" }],
    ["invalid-input", { op: null }],
    ["invalid-input", { metric: null }],
    ["invalid-input", { idempotencyKey: "" }],
    ["invalid-input", { idempotencyKey: "k".repeat(256) }],
    ["invalid-input", { op: "reserve", ttlSeconds: 0 }],
    ["invalid-input", { op: "reserve", ttlSeconds: 86_401 }],
    ["invalid-input", { op: "commit" }],
    ["reservation-not-found", { op: "commit", reservationId: "00000000-0000-4000-8000-000000000000" }],
    ["reservation-not-found", { op: "release", reservationId: "not-a-uuid" }],
  ])("%s: %j", async (reason, change) => {
    const decision = await askOne(test.database, { ...consume(1), ...change });
    expect(decision).toMatchObject({ allowed: false, reason, code: reason });
    expect(decision.message).not.toBeNull();
    expect(await usedOf(test.database, workspaceId, "ai_queries")).toBe(0);
  });

  it("refuses what is no request without hurting its neighbours", async () => {
    const answers = await ask(test.database, [7, null, [], consume(2)]);
    expect(answers.map(({ reason }) => reason)).toEqual([
      "invalid-input",
      "invalid-input",
      "invalid-input",
      null,
    ]);
  });

  it("keeps an unlimited counter inside a bigint", async () => {
    const rich = await createWorkspace(test.database, "enterprise");
    await test.database.query("select usage.add($1, 'ai_queries', 8999999999999999999, false)", [rich]);
    expect(
      await askOne(test.database, { op: "consume", workspaceId: rich, metric: "ai_queries", amount: 2 }),
    ).toMatchObject({ reason: "invalid-input" });
  });
});

describe("usage.gate_many: concurrency", () => {
  it("lets exactly the limit in when sixteen clients ask for three times as much", async () => {
    await setLimit(test.database, workspaceId, "ai_queries", 100);
    const asking = Array.from({ length: 16 }, async () => {
      let allowed = 0;
      for (let i = 0; i < 19; i += 1) if ((await askOne(test.database, consume(1))).allowed) allowed += 1;
      return allowed;
    });
    const allowed = (await Promise.all(asking)).reduce((sum, one) => sum + one, 0);
    expect(allowed).toBe(100);
    expect(await usedOf(test.database, workspaceId, "ai_queries")).toBe(100);
  });

  it("never deadlocks when arrays name the same counters and keys in opposite orders", async () => {
    const first = await createWorkspace(test.database, "pro");
    const other = await createWorkspace(test.database, "pro");
    const one = (id: string, metric: string, key: string) => ({
      op: "consume",
      workspaceId: id,
      metric,
      idempotencyKey: key,
    });
    const rounds = Array.from({ length: 12 }, (_, round) => [
      one(first, "ai_queries", `${round}-a`),
      one(other, "ai_seconds", `${round}-b`),
      one(first, "ai_seconds", `${round}-c`),
      one(other, "ai_queries", `${round}-d`),
    ]);
    const answers = await Promise.all(
      rounds.flatMap((round) => [ask(test.database, round), ask(test.database, [...round].reverse())]),
    );
    expect(answers.flat().every(({ allowed }) => allowed)).toBe(true);
    expect(await usedOf(test.database, first, "ai_queries")).toBe(12);
    expect(await usedOf(test.database, other, "ai_seconds")).toBe(12);
  });
});
