import { afterAll, beforeAll, beforeEach, expect, it } from "@jest/globals";

import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { addChannels, addFile, addMessages, drifts, used } from "./meter-fixtures.ts";
import { waitFor } from "../../support/wait-for.ts";
import { createWorkspace, setLimit, type Workspace } from "../../support/workspaces.ts";

let test: TestDatabase;
let workspace: Workspace;
let channel: string;

beforeAll(async () => {
  test = await createTestDatabase({ maxConnections: 12 });
}, 60_000);
afterAll(async () => {
  await test.drop();
});
beforeEach(async () => {
  workspace = await createWorkspace(test.database);
  channel = String((await addChannels(test.database, workspace, 3))[0]);
  await addMessages(test.database, workspace, channel, 10);
  await addFile(test.database, workspace, 50);
});

interface Found {
  readonly metric: string;
  readonly counted: string;
  readonly recounted: string;
  readonly drift: string;
  readonly repaired: boolean;
}

const reconcile = (repair: boolean) =>
  test.database.query<Found>(
    "select metric, counted::text, recounted::text, drift::text, repaired from usage.reconcile($1, $2) order by metric",
    [workspace.id, repair],
  );

it("finds no drift where nothing was changed", async () => {
  expect(await reconcile(true)).toEqual([]);
  expect(await test.database.query("select metric from usage.reconcile()")).toEqual([]);
});

it("finds, records and repairs a drift of a gauge and of a counter", async () => {
  const db = test.database;
  await db.query(
    "update usage.counters set used = used + 4 where workspace_id = $1 and metric = 'channels'",
    [workspace.id],
  );
  await db.query(
    "update usage.counters set used = used - 3 where workspace_id = $1 and metric = 'messages'",
    [workspace.id],
  );
  await db.query("delete from usage.counters where workspace_id = $1 and metric = 'storage_bytes'", [
    workspace.id,
  ]);
  const found = [
    { metric: "channels", counted: "7", recounted: "3", drift: "4" },
    { metric: "messages", counted: "7", recounted: "10", drift: "-3" },
    { metric: "storage_bytes", counted: "0", recounted: "50", drift: "-50" },
  ];
  expect(await reconcile(false)).toEqual(found.map((row) => ({ ...row, repaired: false })));
  expect(await used(db, workspace, "channels")).toBe(7);
  expect(await reconcile(true)).toEqual(found.map((row) => ({ ...row, repaired: true })));
  expect(await used(db, workspace, "channels")).toBe(3);
  expect(await used(db, workspace, "messages")).toBe(10);
  expect(await used(db, workspace, "storage_bytes")).toBe(50);
  expect(await reconcile(true)).toEqual([]);
  const recorded = await db.query("select id from usage.reconciliations where workspace_id = $1", [
    workspace.id,
  ]);
  expect(recorded).toHaveLength(6);
});

it("finds rows that were written without the triggers", async () => {
  const db = test.database;
  await db.transaction(async (tx) => {
    await tx.query("set local session_replication_role = replica");
    await addChannels(tx, workspace, 1);
  });
  expect(await reconcile(true)).toEqual([
    { metric: "channels", counted: "3", recounted: "4", drift: "-1", repaired: true },
  ]);
});

it("recounts a counter whose rows are deleted and whose log is merged into the totals", async () => {
  const db = test.database;
  await reconcile(true);
  await addMessages(db, workspace, channel, 5);
  await db.query("delete from public.messages where workspace_id = $1", [workspace.id]);
  await db.query("update usage.counters set used = 1 where workspace_id = $1 and metric = 'messages'", [
    workspace.id,
  ]);
  await reconcile(true);
  expect(await used(db, workspace, "messages")).toBe(15);
  expect(
    await db.query("select amount from usage.counter_log where workspace_id = $1", [workspace.id]),
  ).toEqual([]);
});

it("waits for a repair that is not committed and does not repeat it", async () => {
  const db = test.database;
  // With the log merged into the totals, only the lock of the reconciliation keeps two of them apart.
  await reconcile(true);
  await db.query(
    "update usage.counters set used = used + 4 where workspace_id = $1 and metric = 'channels'",
    [workspace.id],
  );
  let second: Promise<readonly Found[]> = Promise.resolve([]);
  await db.transaction(async (tx) => {
    const first = await tx.query("select metric from usage.reconcile($1)", [workspace.id]);
    expect(first).toEqual([{ metric: "channels" }]);
    second = reconcile(true);
    await waitFor("the second one to wait", async () => {
      const waiting = await db.query(
        "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
      );
      return waiting.length > 0;
    });
  });
  expect(await second).toEqual([]);
  expect(await used(db, workspace, "channels")).toBe(3);
});

it("reports no drift during concurrent writes, and its repair keeps them", async () => {
  const db = test.database;
  await setLimit(db, workspace.id, "channels", null);
  await setLimit(db, workspace.id, "messages", null);
  let writing = true;
  const write = async (): Promise<void> => {
    for (let round = 0; round < 40; round += 1) {
      const [id] = await addChannels(db, workspace, 2);
      await addMessages(db, workspace, String(channel), 3);
      await db.query("delete from public.channels where id = $1", [id]);
    }
  };
  const watch = async (): Promise<void> => {
    while (writing) expect(await drifts(db, workspace)).toEqual([]);
  };
  const watching = watch();
  await Promise.all([write(), write(), write(), write()]).finally(() => {
    writing = false;
  });
  await watching;

  await db.query("update usage.counters set used = used + 1000 where workspace_id = $1", [workspace.id]);
  await Promise.all([write(), write(), reconcile(true), reconcile(true), reconcile(true)]);
  expect(await drifts(db, workspace)).toEqual([]);
  expect(await used(db, workspace, "channels")).toBe(3 + 6 * 40);
  expect(await used(db, workspace, "messages")).toBe(10 + 6 * 40 * 3);
}, 120_000);
