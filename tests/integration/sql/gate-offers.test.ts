import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";

import { advise, readForecastData } from "../../../src/domain/limits/index.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { askOne, createWorkspace } from "./gate-support.ts";

let test: TestDatabase;
let workspaceId: string;

beforeAll(async () => {
  test = await createTestDatabase();
  await test.database.query(
    `insert into billing.plans (id, name, rank, price_cents, price_on_request, is_public, rate_limit_per_minute)
     values
       ('private', 'One customer', 1001, 1, false, false, 1),
       ('asked', 'Ask us', 1002, 0, true, true, 1),
       ('dear', 'Dear', 1003, 700, false, true, 1),
       ('cheap', 'Cheap', 1004, 600, false, true, 1)`,
  );
  // Unlimited, but for AI queries: more of them than any priced plan of the catalogue allows.
  await test.database.query(
    `insert into billing.plan_limits (plan_id, metric, limit_value)
     select plan.id, metric.key, case metric.key when 'ai_queries' then 1000000 end
     from billing.plans as plan
     cross join usage.metrics as metric
     where plan.rank > 1000`,
  );
});
afterAll(() => test.drop());
beforeEach(async () => {
  workspaceId = await createWorkspace(test.database);
});

describe("the offered plan", () => {
  it("is the cheapest public plan that allows the amount", async () => {
    const check = (amount: number) =>
      askOne(test.database, { op: "check", workspaceId, metric: "ai_queries", amount });
    expect((await check(900_000)).upgrade).toEqual({ planId: "cheap", name: "Cheap", priceCents: 600 });
    await test.database.query("update billing.plans set is_public = false where id in ('cheap', 'dear')");
    const rest = (await check(900_000)).upgrade;
    expect(rest?.priceCents).toBe(0);
    expect(["asked", "enterprise"]).toContain(rest?.planId);
    await test.database.query("update billing.plans set is_public = true where id in ('cheap', 'dear')");
  });

  it("is never a plan that is not public, nor is the suggested one", async () => {
    await askOne(test.database, { op: "consume", workspaceId, metric: "ai_queries", amount: 100 });
    const suggested = async () => {
      const data = await readForecastData(test.database, workspaceId);
      return data === null ? null : (advise(data).upgrade?.planId ?? null);
    };
    expect(await suggested()).toBe("cheap");
    await test.database.query("update billing.plans set is_public = id = 'free'");
    expect(await suggested()).toBeNull();
    await test.database.query("update billing.plans set is_public = id <> 'private'");
  });
});

describe("limitedBy of a refusal", () => {
  const check = (asked: Readonly<Record<string, unknown>>) =>
    askOne(test.database, { op: "check", workspaceId, metric: "ai_queries", ...asked });

  it("names the plan limit, or an override while it applies", async () => {
    expect(await check({})).toMatchObject({ allowed: true, source: "plan", limitedBy: null });
    expect(await check({ amount: 101 })).toMatchObject({ source: "plan", limitedBy: "plan-limit" });
    await test.database.query(
      "insert into billing.limit_overrides (workspace_id, metric, limit_value, ends_at) values ($1, 'ai_queries', 5, now() + interval '1 day')",
      [workspaceId],
    );
    expect(await check({ amount: 6 })).toMatchObject({ source: "override", limitedBy: "override", limit: 5 });
    await test.database.query(
      `update billing.limit_overrides
       set starts_at = now() - interval '2 days', ends_at = now() - interval '1 day'
       where workspace_id = $1`,
      [workspaceId],
    );
    expect(await check({ amount: 101 })).toMatchObject({
      source: "plan",
      limitedBy: "plan-limit",
      limit: 100,
    });
  });

  it("names the plan that lacks the metric, or the paused subscription", async () => {
    expect(await check({ metric: "ai_seconds" })).toMatchObject({
      reason: "feature-not-in-plan",
      limitedBy: "plan",
    });
    await test.database.query(
      "insert into billing.subscriptions (workspace_id, plan_id, status) values ($1, 'starter', 'paused')",
      [workspaceId],
    );
    expect(await check({ metric: "ai_seconds" })).toMatchObject({
      reason: "plan-required",
      limitedBy: "subscription",
    });
  });

  it.each([
    [{ metric: "nothing" }, "unknown-metric", "metric"],
    [{ metric: "messages", op: "consume" }, "row-metered", "metric"],
    [{ workspaceId: "00000000-0000-4000-8000-000000000000" }, "workspace-forbidden", "workspace"],
    [
      { op: "commit", reservationId: "00000000-0000-4000-8000-000000000000" },
      "reservation-not-found",
      "reservation",
    ],
    [{ amount: 0 }, "invalid-input", "request"],
  ])("of %j is %s, limited by the %s", async (asked, reason, limitedBy) => {
    expect(await check(asked)).toMatchObject({ allowed: false, reason, limitedBy });
  });
});
