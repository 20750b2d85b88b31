import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";

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
  // Every metric as free has it, and far more AI queries than any plan of the catalogue with a price.
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

describe("the plan that is offered", () => {
  it("is the cheapest on the price list that would have allowed it", async () => {
    const check = (amount: number) =>
      askOne(test.database, { op: "check", workspaceId, metric: "ai_queries", amount });
    expect((await check(900_000)).upgrade).toEqual({ planId: "cheap", name: "Cheap", priceCents: 600 });
    await test.database.query("update billing.plans set is_public = false where id in ('cheap', 'dear')");
    const rest = (await check(900_000)).upgrade;
    expect(rest?.priceCents).toBe(0);
    expect(["asked", "enterprise"]).toContain(rest?.planId);
    await test.database.query("update billing.plans set is_public = true where id in ('cheap', 'dear')");
  });

  it("is never one customer's own, in a suggestion either", async () => {
    await askOne(test.database, { op: "consume", workspaceId, metric: "ai_queries", amount: 100 });
    const suggested = async () => {
      const [row] = await test.database.query<{ plan: string | null }>(
        "select usage.suggest_upgrade($1) #>> '{upgrade,planId}' as plan",
        [workspaceId],
      );
      return row?.plan;
    };
    expect(await suggested()).toBe("cheap");
    await test.database.query("update billing.plans set is_public = id = 'free'");
    expect(await suggested()).toBeNull();
    await test.database.query("update billing.plans set is_public = id <> 'private'");
  });
});
