import { afterAll, beforeAll, expect, it } from "@jest/globals";
import fc from "fast-check";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { createWorkspace } from "../sql/gate-support.ts";
import { commands } from "./commands.ts";
import { createModel, type Plan } from "./model.ts";

const small: Plan = {
  id: "model_small",
  priceCents: 1_000,
  limits: { ai_queries: { value: 20 }, api_calls: { value: 30 }, channels: { value: 6 } },
};

/** By rank, which is not the order of the prices. */
const plans: readonly Plan[] = [
  { id: "model_bare", priceCents: 100, limits: { channels: { value: 3 } } },
  small,
  {
    id: "model_soft",
    priceCents: 4_000,
    limits: {
      ai_queries: { value: 10, soft: true },
      api_calls: { value: 8, soft: true },
      channels: { value: 6 },
    },
  },
  {
    id: "model_large",
    priceCents: 3_000,
    limits: { ai_queries: { value: 24 }, api_calls: { value: null }, channels: { value: 12 } },
  },
  {
    id: "model_most",
    priceCents: null,
    limits: { ai_queries: { value: 60 }, api_calls: { value: 100 }, channels: { value: null } },
  },
];

let test: TestDatabase;

beforeAll(async () => {
  test = await createTestDatabase({ maxConnections: 1 });
  let rank = 10_000;
  for (const { id, priceCents, limits } of plans) {
    await test.database.query(
      "insert into billing.plans (id, name, rank, rate_limit_per_minute, price_cents, price_on_request) values ($1, $1, $2, 100, $3, $4)",
      [id, (rank += 1), priceCents ?? 0, priceCents === null],
    );
    for (const [metric, { value, soft }] of Object.entries(limits))
      await test.database.query(
        "insert into billing.plan_limits (plan_id, metric, limit_value, enforcement) values ($1, $2, $3, $4)",
        [id, metric, value, soft === true ? "soft" : "hard"],
      );
  }
});

afterAll(() => test.drop());

it("answers a thousand histories as a model does that knows no SQL", async () => {
  let asked = 0;
  await fc.assert(
    fc.asyncProperty(commands(plans), async (history) => {
      asked += 1;
      const workspaceId = await createWorkspace(test.database, "model_small");
      const [present] = await test.database.query<{ end: Date }>(
        "select period_end as end from usage.period($1)",
        [workspaceId],
      );
      await fc.asyncModelRun(
        () => ({
          model: createModel(plans, small, present?.end.getTime() ?? 0),
          real: { db: test.database, workspaceId, reservations: [] },
        }),
        history,
      );
    }),
    { numRuns: 1_000 },
  );
  expect(asked).toBe(1_000);
}, 300_000);
