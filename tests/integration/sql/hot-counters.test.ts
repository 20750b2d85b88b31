import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";

import type { Database, Queryable } from "../../../src/core/index.ts";
import { createDatabase } from "../../../src/postgres/index.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { waitFor } from "../../support/wait-for.ts";
import { createWorkspace, setLimit, type Workspace } from "../../support/workspaces.ts";
import { ask, askOne } from "./gate-support.ts";
import { addChannels, addMessages, drifts, refusal, used } from "./meter-fixtures.ts";

/** Sharded counters. They are split on request, so that no test depends on the machine's speed. */

const clients = 16;
let test: TestDatabase;
let workspace: Workspace;
let channel: string;

beforeAll(async () => {
  test = await createTestDatabase({ maxConnections: clients + 2 });
}, 60_000);
afterAll(async () => {
  await test.drop();
});
beforeEach(async () => {
  workspace = await createWorkspace(test.database);
  channel = String((await addChannels(test.database, workspace, 1))[0]);
});

const split = async (shards = 16): Promise<void> => {
  await test.database.query("select usage.split_counter($1, 'messages', $2)", [workspace.id, shards]);
};
const home = async (): Promise<{ shards: number; used: number; headroom: number; granted: number }> => {
  const [row] = await test.database.query<{
    shards: number;
    used: number;
    headroom: number;
    granted: number;
  }>(
    "select shards, used::int, headroom::float8, granted::float8 from usage.counters where workspace_id = $1 and metric = 'messages' order by period_start desc limit 1",
    [workspace.id],
  );
  return row ?? { shards: 0, used: 0, headroom: 0, granted: 0 };
};
const rows = async (): Promise<number> => {
  const [row] = await test.database.query<{ n: number }>(
    "select count(*)::int as n from public.messages where workspace_id = $1",
    [workspace.id],
  );
  return row?.n ?? 0;
};
const thresholds = async (): Promise<readonly Readonly<Record<string, unknown>>[]> =>
  test.database.query(
    "select threshold_percent as percent, used::int from usage.alerts where workspace_id = $1 and metric = 'messages' order by threshold_percent",
    [workspace.id],
  );
const codeOf = async (error: unknown): Promise<string> =>
  (await refusal(Promise.reject(error as Error))).code;
class Undo extends Error {}
const isUndo = (error: unknown): boolean =>
  error instanceof Undo || (error instanceof Error && error.cause instanceof Undo);

describe.each([
  ["one row a statement", 1],
  ["seven rows a statement", 7],
])("16 clients at three times the limit of a hot counter, %s", (_name, size) => {
  it("add exactly the limit beside the gate, changes of the limit and rollbacks, without a deadlock", async () => {
    const db = test.database;
    const most = 2400;
    await setLimit(db, workspace.id, "messages", most - 400);
    await split();
    expect((await home()).shards).toBe(16);
    let asked = 0;
    let kept = 0;
    let refusals = 0;
    const failures: string[] = [];

    const writer = async (): Promise<void> => {
      while (asked < 3 * most) {
        asked += size;
        const turn = asked;
        const statements = turn % 3 === 0 ? 2 : 1;
        try {
          await db.transaction(async (tx) => {
            for (let n = 0; n < statements; n += 1) await addMessages(tx, workspace, channel, size);
            if (Math.floor(turn / size) % 10 === 0) throw new Undo();
          });
          kept += statements * size;
        } catch (error) {
          if (isUndo(error)) continue;
          const code = await codeOf(error);
          if (code === "23U01") refusals += 1;
          else
            failures.push(
              `${code} ${String((error as { detail?: unknown }).detail)} ${String((error as { where?: unknown }).where)}`,
            );
        }
      }
    };
    const holder = async (): Promise<void> => {
      while (asked < 3 * most) {
        const [held] = await ask(db, [
          { op: "reserve", workspaceId: workspace.id, metric: "messages", amount: 20 },
        ]);
        if (held?.allowed !== true) continue;
        await ask(db, [{ op: "release", workspaceId: workspace.id, reservationId: held.reservationId }]);
      }
    };
    const changer = async (): Promise<void> => {
      for (const value of [most - 300, most - 350, most]) {
        const target = asked + most / 8;
        while (asked < target) await db.query("select 1");
        await db.query("update billing.limit_overrides set limit_value = $2 where workspace_id = $1", [
          workspace.id,
          value,
        ]);
        await split();
      }
    };
    await Promise.all([...Array.from({ length: clients - 2 }, writer), holder(), changer()]);
    // What seven at a time leave over goes in one by one.
    for (let left = most - kept; left > 0; left -= 1) {
      await addMessages(db, workspace, channel, 1);
      kept += 1;
    }
    expect((await refusal(addMessages(db, workspace, channel, 1))).code).toBe("23U01");
    expect(failures).toEqual([]);
    expect({ kept, rows: await rows(), used: await used(db, workspace, "messages") }).toEqual({
      kept: most,
      rows: most,
      used: most,
    });
    expect(refusals).toBeGreaterThan(0);
    expect(await drifts(db, workspace)).toEqual([]);
  }, 180_000);
});

it("writes each alert once, with the use that reaches its threshold", async () => {
  const db = test.database;
  await setLimit(db, workspace.id, "messages", 2000);
  await split();
  let left = 1900;
  const writer = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await addMessages(db, workspace, channel, 1);
    }
  };
  await Promise.all(Array.from({ length: clients }, writer));
  expect(await used(db, workspace, "messages")).toBe(1900);
  expect(await thresholds()).toEqual([
    { percent: 75, used: 1500 },
    { percent: 90, used: 1800 },
  ]);
  expect(await drifts(db, workspace)).toEqual([]);
}, 60_000);

it("refuses nothing that fits: takes unused headroom back from other shards", async () => {
  const db = test.database;
  await setLimit(db, workspace.id, "messages", 10_000);
  await split(64);
  expect((await home()).granted).toBeGreaterThan(0);
  await addMessages(db, workspace, channel, 10_000);
  expect((await refusal(addMessages(db, workspace, channel, 1))).message).toBe(
    "limit of 10000 messages reached: 10000 used, 1 more requested",
  );
}, 60_000);

it("gives the gate the unused headroom of shards, and reserves none of it twice", async () => {
  const db = test.database;
  await setLimit(db, workspace.id, "messages", 10_000);
  await split(64);
  await addMessages(db, workspace, channel, 5);
  const check = await askOne(db, {
    op: "check",
    workspaceId: workspace.id,
    metric: "messages",
    amount: 9995,
  });
  expect(check).toMatchObject({ allowed: true, used: 5, remaining: 9995 });
  const held = await askOne(db, {
    op: "reserve",
    workspaceId: workspace.id,
    metric: "messages",
    amount: 9995,
  });
  expect(held).toMatchObject({ allowed: true, used: 5, reserved: 9995, remaining: 0 });
  expect((await refusal(addMessages(db, workspace, channel, 1))).message).toBe(
    "limit of 10000 messages reached: 5 used, 9995 reserved, 1 more requested",
  );
});

it("refuses more use at once after a downgrade, and allows it at once after a raise", async () => {
  const db = test.database;
  await setLimit(db, workspace.id, "messages", 10_000);
  await split();
  await addMessages(db, workspace, channel, 50);
  const to = (value: number): Promise<unknown> =>
    db.query("update billing.limit_overrides set limit_value = $2 where workspace_id = $1", [
      workspace.id,
      value,
    ]);
  await to(40);
  expect((await refusal(addMessages(db, workspace, channel, 1))).message).toBe(
    "limit of 40 messages reached: 50 used, 1 more requested",
  );
  await to(51);
  await addMessages(db, workspace, channel, 1);
  expect((await refusal(addMessages(db, workspace, channel, 1))).code).toBe("23U01");
  await db.query("truncate billing.limit_overrides");
  await db.query(
    "update billing.plan_limits set limit_value = 53 where plan_id = 'free' and metric = 'messages'",
  );
  await addMessages(db, workspace, channel, 2);
  expect((await refusal(addMessages(db, workspace, channel, 1))).code).toBe("23U01");
  await db.query(
    "update billing.plan_limits set limit_value = 10000 where plan_id = 'free' and metric = 'messages'",
  );
});

it("fails a repeatable read transaction that did not see a shard change with 40001", async () => {
  const db = test.database;
  await setLimit(db, workspace.id, "messages", 100_000);
  await split(1);
  await db
    .transaction(async (tx: Queryable) => {
      await tx.query("set transaction isolation level repeatable read");
      await tx.query("select count(*) from public.users");
      await addMessages(db, workspace, channel, 1);
      expect((await refusal(addMessages(tx, workspace, channel, 1))).code).toBe("40001");
      throw new Undo();
    })
    .catch((error: unknown) => {
      if (!isUndo(error)) throw error;
    });
  expect(await used(db, workspace, "messages")).toBe(1);
});

it("grants no headroom in a repeatable read transaction, which may not see the present limit", async () => {
  const db = test.database;
  await db.transaction(async (tx: Queryable) => {
    await tx.query("set transaction isolation level repeatable read");
    await tx.query("select count(*) from public.users");
    await setLimit(db, workspace.id, "messages", 3);
    await addMessages(tx, workspace, channel, 1);
  });
  expect(await home()).toMatchObject({ used: 1, headroom: 0 });
  await addMessages(db, workspace, channel, 2);
  expect((await refusal(addMessages(db, workspace, channel, 1))).code).toBe("23U01");
});

it("grants no headroom to a new counter under a limit that an open transaction is changing", async () => {
  const db = test.database;
  await db.transaction(async (tx: Queryable) => {
    await setLimit(tx, workspace.id, "messages", 3);
    await addMessages(db, workspace, channel, 1);
  });
  expect(await home()).toMatchObject({ used: 1, headroom: 0 });
  await addMessages(db, workspace, channel, 2);
  expect((await refusal(addMessages(db, workspace, channel, 1))).code).toBe("23U01");
});

it("is split when its writers wait for each other, and merged when writes stop", async () => {
  const db = test.database;
  await setLimit(db, workspace.id, "messages", 1_000_000);
  let written = 0;
  const writer = async (): Promise<void> => {
    while ((await home()).shards === 0) {
      written += 1;
      // The row stays locked until the commit, and the others find it so.
      await db.transaction(async (tx) => {
        await addMessages(tx, workspace, channel, 1);
        await tx.query("select 1 from generate_series(1, 20000)");
      });
    }
  };
  await Promise.all(Array.from({ length: clients }, writer));
  expect((await home()).shards).toBeGreaterThanOrEqual(16);
  await addMessages(db, workspace, channel, 3);
  expect(await used(db, workspace, "messages")).toBe(written + 3);
  expect(await rows()).toBe(written + 3);

  await db.query(
    "update usage.counters set measured_at = now() - interval '1 hour' where workspace_id = $1 and metric = 'messages'",
    [workspace.id],
  );
  await db.query("select usage.merge_counters()");
  expect(await home()).toMatchObject({ shards: 0, granted: 0, used: written + 3 });
  expect(await drifts(db, workspace)).toEqual([]);
}, 60_000);

it("grants each connection headroom on its own shard again after a change of limits", async () => {
  const shardOf = async (session: Database): Promise<number> => {
    const [row] = await session.query<{ shard: number }>("select pg_backend_pid() % 16 as shard");
    return row?.shard ?? -1;
  };
  const sessions: Database[] = [];
  try {
    await setLimit(test.database, workspace.id, "messages", 10_000);
    await split();
    await setLimit(test.database, workspace.id, "messages", 20_000);
    const wanted = new Map<number, Database>();
    while (wanted.size < 3) {
      const session = createDatabase({ connectionString: test.url, maxConnections: 1 });
      sessions.push(session);
      wanted.set(await shardOf(session), session);
    }
    for (const session of wanted.values()) await addMessages(session, workspace, channel, 1);
    const open = await test.database.query<{ shard: number }>(
      "select shard from usage.counter_shards where workspace_id = $1 and metric = 'messages' and headroom_until > now() order by shard",
      [workspace.id],
    );
    expect(open.map(({ shard }) => shard)).toEqual([...wanted.keys()].sort((one, other) => one - other));
    expect(await used(test.database, workspace, "messages")).toBe(3);
  } finally {
    for (const session of sessions) await session.close();
  }
});

it("stays split before a burst of writes, until its rate of use falls", async () => {
  const db = test.database;
  await setLimit(db, workspace.id, "messages", 10_000);
  await split(4);
  // More than any shard has.
  for (let n = 0; n < 6; n += 1) await addMessages(db, workspace, channel, 500);
  expect((await home()).shards).toBe(4);
  await db.query(
    "update usage.counters set measured_at = now() - interval '1 hour' where workspace_id = $1 and metric = 'messages'",
    [workspace.id],
  );
  await addMessages(db, workspace, channel, 2_000);
  expect(await home()).toMatchObject({ shards: 0, used: 5_000, granted: 0 });
});

it("takes headroom back from a shard in use by waiting for its transaction", async () => {
  const db = test.database;
  await setLimit(db, workspace.id, "messages", 10_000);
  await split(1);
  const lower = "update billing.limit_overrides set limit_value = 1 where workspace_id = $1";
  let lowered: Promise<unknown> = Promise.resolve();
  await db.transaction(async (tx: Queryable) => {
    await addMessages(tx, workspace, channel, 1);
    lowered = db.query(lower, [workspace.id]);
    await waitFor("the change to wait for the shard", async () => {
      const [row] = await db.query<{ waiting: boolean }>(
        "select exists (select from pg_stat_activity where datname = current_database() and query = $1 and wait_event_type = 'Lock') as waiting",
        [lower],
      );
      return row?.waiting;
    });
  });
  await lowered;
  expect((await refusal(addMessages(db, workspace, channel, 1))).code).toBe("23U01");
  expect(await used(db, workspace, "messages")).toBe(1);
});

it("counts one metered row through TRUNCATE, UPDATE and DELETE", async () => {
  const own = await createTestDatabase();
  try {
    const db = own.database;
    const there = await createWorkspace(db);
    const general = String((await addChannels(db, there, 1))[0]);
    await setLimit(db, there.id, "messages", 100_000);
    await db.query("select usage.split_counter($1, 'messages')", [there.id]);
    const [first] = await addMessages(db, there, general, 5);
    await db.query("update public.messages set body = 'changed' where workspace_id = $1", [there.id]);
    await db.query("delete from public.messages where id = $1", [first]);
    expect(await used(db, there, "messages")).toBe(5);
    await db.query("truncate public.messages cascade");
    await addMessages(db, there, general, 2);
    expect(await used(db, there, "messages")).toBe(7);
    expect(await drifts(db, there)).toEqual([]);
    await db.query("delete from public.workspaces where id = $1", [there.id]);
    expect(await db.query("select 1 from usage.counter_shards where workspace_id = $1", [there.id])).toEqual(
      [],
    );
  } finally {
    await own.drop();
  }
}, 60_000);

it("shows no drift in a recount beside concurrent writers", async () => {
  const db = test.database;
  await setLimit(db, workspace.id, "messages", 1_000_000);
  await split();
  let left = 600;
  const writer = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await addMessages(db, workspace, channel, 1);
    }
  };
  const recount = async (): Promise<void> => {
    while (left > 0) expect(await drifts(db, workspace)).toEqual([]);
  };
  await Promise.all([...Array.from({ length: 8 }, writer), recount()]);
  expect(await drifts(db, workspace)).toEqual([]);
  await db.query(
    "update usage.counters set used = used + 3 where workspace_id = $1 and metric = 'messages'",
    [workspace.id],
  );
  await db.query("select usage.reconcile($1)", [workspace.id]);
  expect([await used(db, workspace, "messages"), await drifts(db, workspace)]).toEqual([600, []]);
}, 60_000);

it("adds to many counters in one statement, some sharded, new or near their limits, without a deadlock", async () => {
  const db = test.database;
  const many: Workspace[] = [];
  for (let index = 0; index < 12; index += 1) many.push(await createWorkspace(db));
  const channels = await Promise.all(many.map(async (each) => String((await addChannels(db, each, 1))[0])));
  for (const each of many) await setLimit(db, each.id, "messages", 300);
  await db.query("update billing.limit_overrides set limit_value = 1000000 where workspace_id = $1", [
    many[3]?.id,
  ]);
  await db.query("select usage.split_counter($1, 'messages')", [many[3]?.id]);
  const kept = new Map<string, number>();
  const failures: string[] = [];
  const run = async (client: number): Promise<void> => {
    for (let round = 0; round < 40; round += 1) {
      const picked = many.map((_, index) => index).filter((index) => (index * 7 + client + round) % 3 !== 0);
      if (client % 2 === 0) picked.reverse();
      try {
        await db.query(
          `insert into public.messages (workspace_id, channel_id, user_id, body)
           select p.workspace_id, p.channel_id, $3, 'x'
           from unnest($1::uuid[], $2::uuid[]) as p (workspace_id, channel_id), generate_series(1, 3)`,
          [picked.map((index) => many[index]?.id), picked.map((index) => channels[index]), workspace.owner],
        );
        for (const index of picked) {
          const id = many[index]?.id ?? "";
          kept.set(id, (kept.get(id) ?? 0) + 3);
        }
      } catch (error) {
        const code = await codeOf(error);
        if (code !== "23U01") failures.push(code);
      }
    }
  };
  await Promise.all(Array.from({ length: 8 }, (_, client) => run(client)));
  expect(failures).toEqual([]);
  for (const each of many) {
    expect(await used(db, each, "messages")).toBe(kept.get(each.id));
    expect(await drifts(db, each)).toEqual([]);
  }
}, 120_000);

it("takes the headroom of its shards back when its workspace moves to another time zone", async () => {
  const db = test.database;
  await setLimit(db, workspace.id, "messages", 10_000);
  await split();
  await addMessages(db, workspace, channel, 5);
  await db.query("update public.workspaces set time_zone = 'Pacific/Kiritimati' where id = $1", [
    workspace.id,
  ]);
  expect((await home()).granted).toBe(0);
  await addMessages(db, workspace, channel, 2);
  const counters = await db.query(
    `select t.used::int, t.period_start = p.period_start as is_present
     from usage.counter_totals t
     cross join usage.period($1) p
     where t.workspace_id = $1
       and t.metric = 'messages'
     order by t.period_start = p.period_start`,
    [workspace.id],
  );
  expect(counters).toEqual([{ used: 7, is_present: true }]);
  expect(await drifts(db, workspace)).toEqual([]);
});
