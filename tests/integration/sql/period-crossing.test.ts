import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";

import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { endPeriodIn, passBoundary } from "../../support/periods.ts";
import { waitFor } from "../../support/wait-for.ts";
import { createWorkspace, setLimit, type Workspace } from "../../support/workspaces.ts";
import { askOne } from "./gate-support.ts";
import { addChannels, addMessages, drifts, refusal, used } from "./meter-fixtures.ts";

/** A period ends by the clock while the workspace is in use. No job runs in these tests. */

let test: TestDatabase;
let workspace: Workspace;
let channel: string;

beforeAll(async () => {
  test = await createTestDatabase({ maxConnections: 17 });
}, 60_000);
afterAll(async () => {
  await test.drop();
});
beforeEach(async () => {
  workspace = await createWorkspace(test.database);
  channel = String((await addChannels(test.database, workspace, 1))[0]);
});

const cross = async (): Promise<string> => {
  const boundary = await endPeriodIn(test.database, workspace.id, 50);
  await passBoundary(test.database, boundary);
  return boundary;
};

const present = async (metric: string): Promise<Readonly<Record<string, unknown>>> => {
  const [row] = await test.database.query(
    "select used::int, remaining::int, status, period_start from usage.current where workspace_id = $1 and metric = $2",
    [workspace.id, metric],
  );
  return row ?? {};
};

const history = (): Promise<readonly Readonly<Record<string, unknown>>[]> =>
  test.database.query(
    "select metric, used::int, peak::int, limit_value::float8 as limit, period_end from usage.history where workspace_id = $1 order by metric",
    [workspace.id],
  );

const peaks = (): Promise<readonly Readonly<Record<string, unknown>>[]> =>
  test.database.query(
    "select peak::int from usage.peaks where workspace_id = $1 and metric = 'channels' order by period_start",
    [workspace.id],
  );

describe("when a period ends", () => {
  it("a counter starts at zero with its whole limit, and past periods keep their use", async () => {
    const db = test.database;
    await setLimit(db, workspace.id, "messages", 3);
    await addMessages(db, workspace, channel, 3);
    expect((await refusal(addMessages(db, workspace, channel, 1))).code).toBe("23U01");
    const boundary = await cross();
    expect(await present("messages")).toEqual({
      used: 0,
      remaining: 3,
      status: "ok",
      period_start: new Date(boundary),
    });
    await addMessages(db, workspace, channel, 2);
    expect(await present("messages")).toMatchObject({ used: 2, remaining: 1 });
    expect((await refusal(addMessages(db, workspace, channel, 2))).message).toBe(
      "limit of 3 messages reached: 2 used, 2 more requested",
    );
    expect(await history()).toContainEqual({
      metric: "messages",
      used: 3,
      peak: 3,
      limit: 3,
      period_end: new Date(boundary),
    });
    expect(await drifts(db, workspace)).toEqual([]);
  });

  it("a gauge keeps its level and its limit, and has a peak in each period", async () => {
    const db = test.database;
    await setLimit(db, workspace.id, "channels", 4);
    const added = await addChannels(db, workspace, 3);
    await db.query("delete from public.channels where id = any($1)", [added.slice(1)]);
    const boundary = await cross();
    expect(await present("channels")).toMatchObject({ used: 2, remaining: 2 });
    expect((await refusal(addChannels(db, workspace, 3))).code).toBe("23U01");
    await addChannels(db, workspace, 1);
    await db.query("delete from public.channels where workspace_id = $1", [workspace.id]);
    expect(await peaks()).toEqual([{ peak: 4 }, { peak: 3 }]);
    expect(await history()).toContainEqual({
      metric: "channels",
      used: null,
      peak: 4,
      limit: 4,
      period_end: new Date(boundary),
    });
    expect(await drifts(db, workspace)).toEqual([]);
  });

  it("a row counts in the period of its insert, whatever its timestamp and deletion", async () => {
    const db = test.database;
    const [before] = await addMessages(db, workspace, channel, 2);
    await cross();
    // its timestamp lies in 2001
    await addMessages(db, workspace, channel, 1);
    expect(await used(db, workspace, "messages")).toBe(1);
    await db.query("delete from public.messages where id = $1", [before]);
    await db.query("update public.messages set created_at = now() where workspace_id = $1", [workspace.id]);
    expect(await used(db, workspace, "messages")).toBe(1);
    expect(await history()).toContainEqual(expect.objectContaining({ metric: "messages", used: 2 }));
    expect(await drifts(db, workspace)).toEqual([]);
  });

  it("an amount that an update adds counts in the period of the update", async () => {
    const db = test.database;
    const [file] = await db.query<{ id: string }>(
      "insert into public.files (workspace_id, name, size_bytes) values ($1, 'f', 100) returning id",
      [workspace.id],
    );
    await cross();
    await db.query("update public.files set size_bytes = 130 where id = $1", [file?.id]);
    expect(await used(db, workspace, "uploaded_bytes")).toBe(30);
    expect(await used(db, workspace, "storage_bytes")).toBe(130);
    expect(await history()).toContainEqual(expect.objectContaining({ metric: "uploaded_bytes", used: 100 }));
    expect(await drifts(db, workspace)).toEqual([]);
  });

  it("alerts are raised again in the next period", async () => {
    const db = test.database;
    await setLimit(db, workspace.id, "messages", 2);
    await addMessages(db, workspace, channel, 2);
    await cross();
    await addMessages(db, workspace, channel, 2);
    const alerts = await db.query(
      "select threshold_percent, count(distinct period_start)::int as periods from usage.alerts where workspace_id = $1 and metric = 'messages' group by 1 order by 1",
      [workspace.id],
    );
    expect(alerts).toEqual([75, 90, 100].map((threshold_percent) => ({ threshold_percent, periods: 2 })));
  });

  it("a reservation stays and counts in the period of its commit", async () => {
    const db = test.database;
    const gate = (op: string, more: object = {}) =>
      askOne(db, { op, workspaceId: workspace.id, metric: "ai_queries", ...more });
    await gate("consume", { amount: 60 });
    const held = await gate("reserve", { amount: 40 });
    expect((await gate("consume", { amount: 1 })).allowed).toBe(false);
    await cross();
    expect(await gate("check")).toMatchObject({ allowed: true, used: 0, reserved: 40, remaining: 60 });
    expect(await gate("commit", { reservationId: held.reservationId, amount: 30 })).toMatchObject({
      allowed: true,
      used: 30,
      reserved: 0,
    });
    expect(await history()).toContainEqual(expect.objectContaining({ metric: "ai_queries", used: 60 }));
    expect(await drifts(db, workspace)).toEqual([]);
  });

  it("a change of plan in the next period resets no use, in either", async () => {
    const db = test.database;
    await addMessages(db, workspace, channel, 5);
    const boundary = await cross();
    await addMessages(db, workspace, channel, 2);
    await db.query("insert into billing.subscriptions (workspace_id, plan_id) values ($1, 'pro')", [
      workspace.id,
    ]);
    await db.query("update billing.subscriptions set status = 'cancelled' where workspace_id = $1", [
      workspace.id,
    ]);
    expect(await present("messages")).toMatchObject({ used: 2, period_start: new Date(boundary) });
    expect(await history()).toContainEqual(expect.objectContaining({ metric: "messages", used: 5 }));
  });

  it("a recount repairs a drift in its own period", async () => {
    const db = test.database;
    await addMessages(db, workspace, channel, 5);
    await cross();
    await addMessages(db, workspace, channel, 2);
    await db.query(
      "update usage.counters set used = used + case used when 5 then 10 else 100 end where workspace_id = $1 and metric = 'messages'",
      [workspace.id],
    );
    const found = await db.query(
      "select counted::int, recounted::int from usage.reconcile($1) order by period_start",
      [workspace.id],
    );
    expect(found).toEqual([
      { counted: 15, recounted: 5 },
      { counted: 102, recounted: 2 },
    ]);
    expect(await present("messages")).toMatchObject({ used: 2 });
    expect(await history()).toContainEqual(expect.objectContaining({ metric: "messages", used: 5 }));
  });
});

describe("a transaction that began before the end of the period", () => {
  it("counts in the period of its start, under that limit, beside writers of the next", async () => {
    const db = test.database;
    await setLimit(db, workspace.id, "messages", 4);
    await addMessages(db, workspace, channel, 1);
    await db.transaction(async (tx) => {
      await tx.query("select now()");
      await cross();
      // The next period has reached its limit already.
      await addMessages(db, workspace, channel, 4);
      expect((await refusal(addMessages(db, workspace, channel, 1))).code).toBe("23U01");
      await addMessages(tx, workspace, channel, 3);
      await tx.query("savepoint attempt");
      expect((await refusal(addMessages(tx, workspace, channel, 1))).message).toBe(
        "limit of 4 messages reached: 4 used, 1 more requested",
      );
      await tx.query("rollback to savepoint attempt");
    });
    expect(await present("messages")).toMatchObject({ used: 4 });
    expect(await history()).toContainEqual(expect.objectContaining({ metric: "messages", used: 4 }));
    expect(await drifts(db, workspace)).toEqual([]);
  });

  it("only raises a gauge and the peak of its own period", async () => {
    const db = test.database;
    await db.transaction(async (tx) => {
      await tx.query("select now()");
      await cross();
      await addChannels(tx, workspace, 2);
    });
    expect(await present("channels")).toMatchObject({ used: 3 });
    await db.query("delete from public.channels where workspace_id = $1", [workspace.id]);
    expect(await peaks()).toEqual([{ peak: 3 }, { peak: 3 }]);
    expect(await drifts(db, workspace)).toEqual([]);
  });
});

it("sixteen writers across the boundary lose no use and never pass the limit of either period", async () => {
  const db = test.database;
  const limit = 40;
  await setLimit(db, workspace.id, "messages", limit);
  await addMessages(db, workspace, channel, 1);
  const boundary = await endPeriodIn(db, workspace.id, 700);
  let wrote = 1;
  let isOver = false;
  const writer = async (): Promise<void> => {
    while (!isOver) {
      try {
        await addMessages(db, workspace, channel, 1);
        wrote += 1;
      } catch (error) {
        expect((await refusal(Promise.reject(error as Error))).code).toBe("23U01");
      }
    }
  };
  const writers = Promise.all(Array.from({ length: 16 }, writer));
  const watcher = waitFor("the next period to be full", async () => {
    const { period_start: start, used: now } = await present("messages");
    return (start as Date).toISOString() === boundary && now === limit;
  }).finally(() => (isOver = true));
  await Promise.all([watcher, writers]);
  const [past] = (await history()).filter(({ metric }) => metric === "messages");
  expect(Number(past?.["used"])).toBeLessThanOrEqual(limit);
  expect(await present("messages")).toMatchObject({ used: limit });
  expect(Number(past?.["used"]) + limit).toBe(wrote);
  const rows = await db.query("select id from public.messages where workspace_id = $1", [workspace.id]);
  expect(rows).toHaveLength(wrote);
  expect(await drifts(db, workspace)).toEqual([]);
}, 60_000);
