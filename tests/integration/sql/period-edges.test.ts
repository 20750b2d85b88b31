import { randomUUID } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { installClock, type TestClock } from "../../support/clock.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { createWorkspace, type Workspace } from "../../support/workspaces.ts";
import { askOne } from "./gate-support.ts";
import { addChannels, drifts, refusal } from "./meter-fixtures.ts";

/**
 * Sixteen clients over the end of a period: rows of a hot counter and uses of the gate, with the database's clock stepped from
 * the last moment of one period to the first of the next while they are at work. The time at which each row and each decision
 * was made says to which period it belongs.
 */

/** Enough for the counter to stay split into shards until the edge. */
const limit = 1_000;

let test: TestDatabase;
let clock: TestClock;
let workspace: Workspace;
let channel: string;

afterEach(() => test.drop());

interface Edge {
  readonly what: string;
  readonly zone: string;
  /** Anchor of the subscription; undefined for the calendar month. */
  readonly anchor?: string;
  readonly start: string;
  readonly edge: string;
  readonly end: string;
}

const before = (moment: string, ms: number): string => new Date(Date.parse(moment) - ms).toISOString();

/** A workspace of the zone and anchor, on a clock that stands an hour before the edge. */
const prepare = async ({ zone, anchor, edge }: Omit<Edge, "what" | "start" | "end">): Promise<void> => {
  test = await createTestDatabase({ maxConnections: 18 });
  const db = test.database;
  clock = await installClock(db, anchor ?? before(edge, 3_600_000));
  workspace = await createWorkspace(db);
  await db.query("update public.workspaces set time_zone = $2 where id = $1", [workspace.id, zone]);
  if (anchor !== undefined)
    await db.query(
      "insert into billing.subscriptions (workspace_id, plan_id, anchor_at) values ($1, 'pro', $2)",
      [workspace.id, anchor],
    );
  await clock.set(before(edge, 3_600_000));
  channel = String((await addChannels(db, workspace, 1))[0]);
  await db.query(
    "insert into billing.limit_overrides (workspace_id, metric, limit_value, starts_at, reason) values ($1, 'messages', $2, '2020-01-01', 'test'), ($1, 'ai_queries', $2, '2020-01-01', 'test')",
    [workspace.id, limit],
  );
};

/** Called just before the clients start: an idle counter is merged again, and the headroom of a shard lasts a minute. */
const splitCounter = async (): Promise<void> => {
  await test.database.query("select usage.split_counter($1, 'messages', 4)", [workspace.id]);
};

/** Shards of the counter that have headroom now. */
const openShards = async (): Promise<number> => {
  const [row] = await test.database.query<{ open: number }>(
    "select count(*)::int as open from usage.counter_shards where workspace_id = $1 and metric = 'messages' and headroom > 0 and headroom_until > travel.now()",
    [workspace.id],
  );
  return row?.open ?? 0;
};

/** The time of each counted row; empty where the limit refused the statement. */
const addMessage = async (count: number): Promise<readonly string[]> => {
  try {
    const rows = await test.database.query<{ at: string }>(
      `insert into public.messages (workspace_id, channel_id, user_id, body)
       select $1, $2, $3, 'x'
       from generate_series(1, $4::int)
       returning created_at::text as at`,
      [workspace.id, channel, workspace.owner, count],
    );
    return rows.map(({ at }) => at);
  } catch (error) {
    expect((await refusal(Promise.reject(error as Error))).code).toBe("23U01");
    return [];
  }
};

const gate = (op: string, more: object) =>
  askOne(test.database, { op, workspaceId: workspace.id, metric: "ai_queries", ...more });

/** Sixteen clients write until `isOver`. `onCount` gets the amount allowed so far; each turn waits for `pause`. */
const rush = async (
  isOver: () => boolean,
  onCount: (total: number) => Promise<void>,
  pause: () => Promise<unknown> | undefined = () => undefined,
): Promise<void> => {
  let total = 0;
  const client = async (index: number): Promise<void> => {
    for (let turn = 0; !isOver(); turn += 1) {
      await pause();
      const allowed =
        index < 10
          ? (await addMessage(1 + ((turn + index) % 3))).length
          : (await gate("consume", { amount: 1 + (turn % 3), idempotencyKey: randomUUID() })).granted;
      total += allowed ?? 0;
      await onCount(total);
    }
  };
  await Promise.all(Array.from({ length: 16 }, (_, index) => client(index)));
};

interface Counted {
  readonly start: string;
  readonly used: number;
}

const counters = async (metric: string): Promise<readonly Counted[]> =>
  test.database.query<{ start: string; used: number }>(
    `select to_char(period_start at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as start, used::int
     from usage.counter_totals
     where workspace_id = $1
       and metric = $2
       and used > 0
     order by period_start`,
    [workspace.id, metric],
  );

/** Rows and decisions by the time at which they were made, before and from the edge on. */
const made = async (edge: string): Promise<Readonly<Record<string, readonly number[]>>> => {
  const [row] = await test.database.query<Record<string, readonly number[]>>(
    `select
       (
         select array[
           count(*) filter (where created_at < $2)::int,
           count(*) filter (where created_at >= $2)::int
         ]
         from public.messages
         where workspace_id = $1
       ) as messages,
       (
         select array[
           coalesce(sum((answer ->> 'granted')::int) filter (where created_at < $2), 0)::int,
           coalesce(sum((answer ->> 'granted')::int) filter (where created_at >= $2), 0)::int
         ]
         from usage.ledger
         where workspace_id = $1
           and op in ('consume', 'commit')
           and allowed
       ) as ai_queries`,
    [workspace.id, edge],
  );
  return row ?? {};
};

/** Uses exactly what remains below the limit. */
const fill = async (most = limit): Promise<void> => {
  const present = async (metric: string): Promise<number> => {
    const [row] = await test.database.query<{ used: number }>(
      "select used::int from usage.current where workspace_id = $1 and metric = $2",
      [workspace.id, metric],
    );
    return row?.used ?? 0;
  };
  const rows = most - (await present("messages"));
  expect(await addMessage(rows)).toHaveLength(rows);
  expect(await addMessage(1)).toEqual([]);
  const uses = most - (await present("ai_queries"));
  if (uses > 0) await gate("consume", { amount: uses, idempotencyKey: randomUUID() });
  expect(await gate("consume", { amount: 1 })).toMatchObject({ allowed: false, used: most, reserved: 0 });
};

const edges: readonly Edge[] = [
  {
    what: "a period anchored on day 31, in a month of 28 days",
    zone: "UTC",
    anchor: "2026-12-31T10:00:00Z",
    start: "2027-01-31T10:00:00Z",
    edge: "2027-02-28T10:00:00Z",
    end: "2027-03-31T10:00:00Z",
  },
  {
    what: "a period anchored on day 31, on a leap day",
    zone: "UTC",
    anchor: "2027-12-31T10:00:00Z",
    start: "2028-01-31T10:00:00Z",
    edge: "2028-02-29T10:00:00Z",
    end: "2028-03-31T10:00:00Z",
  },
  {
    what: "the February of a leap year",
    zone: "UTC",
    start: "2028-02-01T00:00:00Z",
    edge: "2028-03-01T00:00:00Z",
    end: "2028-04-01T00:00:00Z",
  },
  {
    what: "a local time that the clocks skip",
    zone: "America/New_York",
    anchor: "2027-01-14T07:30:00Z",
    start: "2027-02-14T07:30:00Z",
    edge: "2027-03-14T07:30:00Z",
    end: "2027-04-14T06:30:00Z",
  },
  {
    what: "a local time that occurs twice",
    zone: "America/New_York",
    anchor: "2027-08-07T05:30:00Z",
    start: "2027-10-07T05:30:00Z",
    edge: "2027-11-07T06:30:00Z",
    end: "2027-12-07T06:30:00Z",
  },
];

describe.each(edges)("the end of $what", ({ zone, anchor, start, edge, end }) => {
  beforeEach(() => prepare({ zone, edge, ...(anchor !== undefined && { anchor }) }));

  it("counts each row and each use in one period, and the next period has its whole limit", async () => {
    const db = test.database;
    const [period] = await db.query<{ start: string; end: string }>(
      "select period_start::text as start, period_end::text as end from usage.period($1)",
      [workspace.id],
    );
    expect([Date.parse(period?.start ?? ""), Date.parse(period?.end ?? "")]).toEqual(
      [start, edge].map((moment) => Date.parse(moment)),
    );
    const reserved = await gate("reserve", { amount: 20, ttlSeconds: 7_200 });
    await clock.set(before(edge, 1));
    await splitCounter();
    // Some of both before the edge, however the clients are scheduled.
    expect(await addMessage(1)).toHaveLength(1);
    await gate("consume", { amount: 1, idempotencyKey: randomUUID() });
    let looking: Promise<number> | undefined;
    let stepped = false;
    let total = 0;
    await rush(
      () => total >= 400,
      async (count) => {
        total = count;
        // Clients wait for this query: while they write, a slow one might find the counter merged again.
        if (count >= 100) looking ??= openShards();
        await looking;
        if (stepped || count < 200) return;
        stepped = true;
        await clock.set(edge);
      },
      () => looking,
    );
    expect(await looking).toBeGreaterThan(0);
    // A reservation from before the edge counts after it, where there is headroom.
    expect(
      await gate("commit", {
        reservationId: reserved.reservationId,
        amount: 20,
        idempotencyKey: randomUUID(),
      }),
    ).toMatchObject({ allowed: true });
    await fill();

    const by = await made(edge);
    for (const metric of ["messages", "ai_queries"] as const) {
      const [old = 0, fresh = 0] = by[metric] ?? [];
      expect(old).toBeGreaterThan(0);
      expect(old).toBeLessThanOrEqual(limit);
      expect(fresh).toBe(limit);
      expect(await counters(metric)).toEqual([
        { start, used: old },
        { start: edge, used: fresh },
      ]);
    }
    expect(await gate("check", {})).toMatchObject({
      allowed: false,
      used: limit,
      reserved: 0,
      resetsAt: end.replace("Z", ".000Z"),
    });
    expect(await drifts(db, workspace)).toEqual([]);
  }, 60_000);
});

const month = { start: "2026-12-01T00:00:00Z", edge: "2027-01-01T00:00:00Z" };

describe("a change of plan at 23:59:59.999", () => {
  it("resets no use in the period that ends, and the next starts at zero under the new limit", async () => {
    await prepare({ zone: "UTC", edge: month.edge });
    const db = test.database;
    await db.query("delete from billing.limit_overrides where workspace_id = $1", [workspace.id]);
    for (const [id, value] of [
      ["edge_small", limit],
      ["edge_large", limit + 60],
    ] as const) {
      await db.query(
        "insert into billing.plans (id, name, rank, rate_limit_per_minute) values ($1, $1, $2, 100)",
        [id, 30_000 + value],
      );
      await db.query(
        "insert into billing.plan_limits (plan_id, metric, limit_value) values ($1, 'ai_queries', $2), ($1, 'messages', $2)",
        [id, value],
      );
    }
    await db.query("insert into billing.subscriptions (workspace_id, plan_id) values ($1, 'edge_small')", [
      workspace.id,
    ]);
    await clock.set("2026-12-31T23:59:59.998Z");
    await splitCounter();
    await splitCounter();
    expect(await openShards()).toBe(4);
    let turned = 0;
    await rush(
      () => turned === 3,
      async (count) => {
        if (turned === 0 && count >= 150) {
          turned = 1;
          await clock.set("2026-12-31T23:59:59.999Z");
          await db.query("update billing.subscriptions set plan_id = 'edge_large' where workspace_id = $1", [
            workspace.id,
          ]);
          turned = 2;
        } else if (turned === 2 && count >= 300) {
          turned = 3;
        }
      },
    );
    // At the new limit, which includes the use under the former one.
    await fill(limit + 60);
    expect(await counters("messages")).toEqual([{ start: month.start, used: limit + 60 }]);
    expect(await counters("ai_queries")).toEqual([{ start: month.start, used: limit + 60 }]);
    expect(await drifts(db, workspace)).toEqual([]);

    await clock.set(month.edge);
    await db.query("update billing.subscriptions set plan_id = 'edge_small' where workspace_id = $1", [
      workspace.id,
    ]);
    await fill();
    for (const metric of ["messages", "ai_queries"])
      expect(await counters(metric)).toEqual([
        { start: month.start, used: limit + 60 },
        { start: month.edge, used: limit },
      ]);
    expect(await made(month.edge)).toEqual({
      messages: [limit + 60, limit],
      ai_queries: [limit + 60, limit],
    });
    expect(await drifts(db, workspace)).toEqual([]);
  }, 60_000);
});

describe("a change of the time zone in the last millisecond of a month", () => {
  it.each([
    // Midnight comes seven hours later there.
    ["to the west", "America/Denver", "2027-01-01T07:00:00Z"],
    // It is January there already, so the period goes on until February.
    ["to the east", "Asia/Tokyo", "2027-01-31T15:00:00Z"],
  ])(
    "%s: counts in the present period up to its new end",
    async (_what, zone, end) => {
      await prepare({ zone: "UTC", edge: month.edge });
      const db = test.database;
      await clock.set(before(month.edge, 1));
      await splitCounter();
      expect(await openShards()).toBe(4);
      let turned = 0;
      let total = 0;
      await rush(
        () => total >= 300,
        async (count) => {
          total = count;
          if (turned > 0 || count < 120) return;
          turned = 1;
          await db.query("update public.workspaces set time_zone = $2 where id = $1", [workspace.id, zone]);
          await clock.set(month.edge);
        },
      );
      // The former edge has passed without a new period.
      await fill();
      expect(await counters("messages")).toEqual([{ start: month.start, used: limit }]);
      expect(await counters("ai_queries")).toEqual([{ start: month.start, used: limit }]);
      await clock.set(before(end, 1));
      expect(await addMessage(1)).toEqual([]);
      await clock.set(end);
      await fill();
      for (const metric of ["messages", "ai_queries"])
        expect(await counters(metric)).toEqual([
          { start: month.start, used: limit },
          { start: end, used: limit },
        ]);
      expect(await made(end)).toEqual({ messages: [limit, limit], ai_queries: [limit, limit] });
      expect(await drifts(db, workspace)).toEqual([]);
    },
    60_000,
  );
});

it("a transaction that began on a leap day counts its rows and uses there, though the next period is at its limit", async () => {
  const edge = "2028-03-01T00:00:00Z";
  await prepare({ zone: "UTC", edge });
  const db = test.database;
  const memberId = workspace.owner;
  await db.query(
    "insert into billing.member_limits (workspace_id, metric, limit_value) values ($1, 'ai_queries', 30)",
    [workspace.id],
  );
  await db.query("update billing.limit_overrides set limit_value = 300 where workspace_id = $1", [
    workspace.id,
  ]);
  await clock.set(before(edge, 1));
  await addMessage(7);
  await gate("consume", { amount: 6, memberId });
  await db.transaction(async (tx) => {
    const [began] = await tx.query<{ at: string }>("select travel.now()::text as at");
    expect(Date.parse(began?.at ?? "")).toBe(Date.parse(edge) - 1);
    await clock.set(edge);
    await gate("consume", { amount: 30, memberId });
    await fill(300);

    const late = (amount: number) =>
      askOne(tx, { op: "consume", workspaceId: workspace.id, metric: "ai_queries", amount, memberId });
    expect(await late(25)).toMatchObject({ allowed: false, limitedBy: "member-limit", used: 6 });
    expect(await late(24)).toMatchObject({ allowed: true, used: 30, member: { used: 30, remaining: 0 } });
    await tx.query(
      "insert into public.messages (workspace_id, channel_id, user_id, body) select $1, $2, $3, 'x' from generate_series(1, 293)",
      [workspace.id, channel, workspace.owner],
    );
  });
  for (const [metric, old] of [
    ["messages", 300],
    ["ai_queries", 30],
  ] as const)
    expect(await counters(metric)).toEqual([
      { start: "2028-02-01T00:00:00Z", used: old },
      { start: edge, used: 300 },
    ]);
  const members = await db.query(
    "select used::int from usage.member_counters where workspace_id = $1 and metric = 'ai_queries' order by period_start",
    [workspace.id],
  );
  expect(members).toEqual([{ used: 30 }, { used: 30 }]);
  expect(await db.query("select * from usage.reconcile_members($1, false)", [workspace.id])).toEqual([]);
  expect(await drifts(db, workspace)).toEqual([]);
}, 60_000);
