import { afterAll, beforeAll, beforeEach, expect, it } from "@jest/globals";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { waitFor } from "../../support/wait-for.ts";
import { createWorkspace, setLimit, type Workspace } from "../../support/workspaces.ts";
import { askOne } from "./gate-support.ts";

/**
 * A statement that changes several limits locks their counters in key order, as the gate does with several metrics: a
 * transaction that has locked the first of them gets the second as well.
 */

let test: TestDatabase;
let one: Workspace;
let other: Workspace;

beforeAll(async () => {
  test = await createTestDatabase();
});
afterAll(() => test.drop());
beforeEach(async () => {
  const both = [await createWorkspace(test.database), await createWorkspace(test.database)];
  [one, other] = both.sort((left, right) => (left.id < right.id ? -1 : 1)) as [Workspace, Workspace];
});

const use = { op: "consume", amount: 1 };

/** Locks the first counter, lets the statement wait for it, and locks the second. */
const between = async (
  first: Readonly<Record<string, string>>,
  second: Readonly<Record<string, string>>,
  statement: string,
  values: readonly unknown[],
): Promise<void> => {
  for (const at of [first, second]) await askOne(test.database, { ...use, ...at });
  let changed: Promise<unknown> = Promise.resolve();
  await test.database.transaction(async (tx) => {
    await askOne(tx, { ...use, ...first });
    changed = test.database.query(statement, values);
    await waitFor("the statement to wait for the counter", async () => {
      const [row] = await test.database.query<{ waiting: boolean }>(
        "select exists (select from pg_stat_activity where datname = current_database() and query = $1 and wait_event_type = 'Lock') as waiting",
        [statement],
      );
      return row?.waiting;
    });
    expect(await askOne(tx, { ...use, ...second })).toMatchObject({ allowed: true, used: 2 });
  });
  await changed;
  expect(await askOne(test.database, { ...use, ...second })).toMatchObject({ used: 3 });
};

it("a change of the limits of two metrics of one workspace locks their counters in key order", async () => {
  for (const metric of ["api_calls", "ai_queries"]) await setLimit(test.database, one.id, metric, 50);
  await between(
    { workspaceId: one.id, metric: "ai_queries" },
    { workspaceId: one.id, metric: "api_calls" },
    "delete from billing.limit_overrides where workspace_id = $1",
    [one.id],
  );
});

it("a change of the limits of two workspaces locks their counters in key order", async () => {
  for (const { id } of [other, one]) await setLimit(test.database, id, "ai_queries", 50);
  await between(
    { workspaceId: one.id, metric: "ai_queries" },
    { workspaceId: other.id, metric: "ai_queries" },
    "update billing.limit_overrides set limit_value = 60 where workspace_id = any($1)",
    [[one.id, other.id]],
  );
});

it("a change of the limits of a plan locks the counters of its workspaces in key order", async () => {
  await between(
    { workspaceId: one.id, metric: "api_calls" },
    { workspaceId: other.id, metric: "ai_queries" },
    "update billing.plan_limits set limit_value = limit_value + 1 where plan_id = 'free' and metric = any($1)",
    [["ai_queries", "api_calls"]],
  );
});

it("subscriptions that move the anchors of two workspaces lock their counters in key order", async () => {
  await between(
    { workspaceId: one.id, metric: "ai_queries" },
    { workspaceId: other.id, metric: "ai_queries" },
    "insert into billing.subscriptions (workspace_id, plan_id, anchor_at) select unnest($1::uuid[]), 'pro', '2026-01-17T09:30:00Z'",
    [[other.id, one.id]],
  );
});
