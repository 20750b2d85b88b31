import { afterAll, beforeAll, beforeEach, expect, it } from "@jest/globals";

import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { createWorkspace, setLimit, type Workspace } from "../../support/workspaces.ts";
import { addChannels, addMessages, drifts, refusal, used } from "./meter-fixtures.ts";

/** The headroom of a counter that is one row: what may be added without a look at limit, alerts and reservations. */

let test: TestDatabase;
let workspace: Workspace;
let channel: string;

beforeAll(async () => {
  test = await createTestDatabase();
}, 60_000);
afterAll(async () => {
  await test.drop();
});
beforeEach(async () => {
  workspace = await createWorkspace(test.database);
  channel = String((await addChannels(test.database, workspace, 1))[0]);
});

const headroom = async (): Promise<number> => {
  const [row] = await test.database.query<{ headroom: number }>(
    "select headroom::int from usage.counters where workspace_id = $1 and metric = 'messages'",
    [workspace.id],
  );
  return row?.headroom ?? -1;
};

it("shrinks by what is added, ends below each threshold, and is never more than the limit leaves", async () => {
  const db = test.database;
  await setLimit(db, workspace.id, "messages", 40);
  const measured: number[] = [];
  for (let n = 1; n <= 40; n += 1) {
    await addMessages(db, workspace, channel, 1);
    measured.push(await headroom());
  }
  // Thresholds at 30, 36 and 40.
  const down = (from: number): readonly number[] => Array.from({ length: from + 1 }, (_, n) => from - n);
  expect(measured).toEqual([...down(28), ...down(5), ...down(3), 0]);
  expect((await refusal(addMessages(db, workspace, channel, 1))).message).toBe(
    "limit of 40 messages reached: 40 used, 1 more requested",
  );
  expect(
    await db.query(
      "select threshold_percent as percent, used::int from usage.alerts where workspace_id = $1 and metric = 'messages' order by threshold_percent",
      [workspace.id],
    ),
  ).toEqual([
    { percent: 75, used: 30 },
    { percent: 90, used: 36 },
    { percent: 100, used: 40 },
  ]);
  expect(await used(db, workspace, "messages")).toBe(40);
  expect(await drifts(db, workspace)).toEqual([]);
});

it("goes to a reservation that an admin writes past the gate", async () => {
  const db = test.database;
  await setLimit(db, workspace.id, "messages", 100);
  await addMessages(db, workspace, channel, 1);
  expect(await headroom()).toBeGreaterThan(0);
  await db.query(
    "insert into usage.reservations (workspace_id, metric, amount, expires_at, period_start) select $1, 'messages', 99, now() + interval '1 hour', p.period_start from usage.period($1) p",
    [workspace.id],
  );
  expect(await headroom()).toBe(0);
  expect((await refusal(addMessages(db, workspace, channel, 1))).message).toBe(
    "limit of 100 messages reached: 1 used, 99 reserved, 1 more requested",
  );
});
