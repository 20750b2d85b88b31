import { afterAll, beforeAll, expect, it } from "@jest/globals";
import fc from "fast-check";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { createWorkspace } from "../sql/gate-support.ts";
import { commands } from "./commands.ts";
import { createModel, type PlanLimits } from "./model.ts";

const small: PlanLimits = { ai_queries: { value: 20 }, api_calls: { value: 30 }, channels: { value: 6 } };

const plans: ReadonlyMap<string, PlanLimits> = new Map<string, PlanLimits>([
  ["model_small", small],
  ["model_large", { ai_queries: { value: 60 }, api_calls: { value: null }, channels: { value: 12 } }],
  [
    "model_soft",
    { ai_queries: { value: 10, soft: true }, api_calls: { value: 8, soft: true }, channels: { value: 6 } },
  ],
  ["model_bare", { channels: { value: 3 } }],
]);

let test: TestDatabase;

beforeAll(async () => {
  test = await createTestDatabase({ maxConnections: 1 });
  let rank = 10_000;
  for (const [id, limits] of plans) {
    await test.database.query(
      "insert into billing.plans (id, name, rank, rate_limit_per_minute, is_public) values ($1, $1, $2, 100, false)",
      [id, (rank += 1)],
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
      await fc.asyncModelRun(
        () => ({
          model: createModel(small),
          real: { db: test.database, workspaceId, reservations: [] },
        }),
        history,
      );
    }),
    { numRuns: 1_000 },
  );
  expect(asked).toBe(1_000);
}, 300_000);
