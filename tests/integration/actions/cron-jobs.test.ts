import { randomUUID } from "node:crypto";

import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";

import { type RunningActions, startActions } from "../../support/actions.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { createWorkspace, setLimit, type Workspace } from "../../support/workspaces.ts";
import { askOne, letExpire } from "../sql/gate-support.ts";
import { addChannels, addMessages, drifts, used } from "../sql/meter-fixtures.ts";

/** The jobs under what at-least-once delivery does to them: bursts, late ones, repeats, failures, and writers beside. */

let test: TestDatabase;
let actions: RunningActions;

beforeAll(async () => {
  test = await createTestDatabase({ maxConnections: 24 });
  actions = await startActions(test.database);
}, 60_000);
afterAll(async () => {
  await actions.stop();
  await test.drop();
});

interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

const deliver = async (name: string, scheduledTime: Date): Promise<Answer> => {
  const response = await actions.post(`/cron/${name}`, {
    id: randomUUID(),
    name,
    scheduled_time: scheduledTime.toISOString(),
    payload: {},
  });
  return { status: response.status, body: (await response.json()) as Answer["body"] };
};

/** Deliveries of the last hours all at once, each of them twice, as after an outage. */
const burst = async (name: string, hours: number): Promise<readonly Answer[]> => {
  const start = Date.now();
  const times = Array.from({ length: hours }, (_, index) => new Date(start - index * 3_600_000));
  const answers = await Promise.all([...times, ...times].map((time) => deliver(name, time)));
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
  return answers;
};

const sum = (answers: readonly Answer[], field: string): number =>
  answers.reduce((total, { body }) => total + Number(body[field] ?? 0), 0);

const room = async (): Promise<{ workspace: Workspace; channel: string }> => {
  const workspace = await createWorkspace(test.database);
  await setLimit(test.database, workspace.id, "channels", null);
  await setLimit(test.database, workspace.id, "messages", null);
  const [channel] = await addChannels(test.database, workspace, 1);
  return { workspace, channel: String(channel) };
};

describe("usage_reconcile", () => {
  it("in a late burst beside writers records each drift once and repairs it exactly", async () => {
    const db = test.database;
    const rooms = await Promise.all(Array.from({ length: 4 }, room));
    await Promise.all(rooms.map(({ workspace, channel }) => addMessages(db, workspace, channel, 5)));
    await db.query(
      `update usage.counters
       set used = used + case metric when 'channels' then 7 else -2 end
       where workspace_id = any($1)
         and metric in ('channels', 'messages')`,
      [rooms.map(({ workspace }) => workspace.id)],
    );
    const rounds = 15;
    const write = async ({ workspace, channel }: (typeof rooms)[number]): Promise<void> => {
      for (let round = 0; round < rounds; round += 1) {
        const [added] = await addChannels(db, workspace, 2);
        await addMessages(db, workspace, channel, 3);
        await db.query("delete from public.channels where id = $1", [added]);
      }
    };
    const [answers] = await Promise.all([burst("usage_reconcile", 6), ...rooms.map(write)]);
    expect(answers.filter(({ body }) => body["duplicate"] === true)).toHaveLength(6);
    expect(sum(answers, "drifted")).toBe(2 * rooms.length);
    for (const { workspace } of rooms) {
      const recorded = await db.query(
        "select metric, drift::int, repaired from usage.reconciliations where workspace_id = $1 order by metric",
        [workspace.id],
      );
      expect(recorded).toEqual([
        { metric: "channels", drift: 7, repaired: true },
        { metric: "messages", drift: -2, repaired: true },
      ]);
      expect(await used(db, workspace, "channels")).toBe(1 + rounds);
      expect(await used(db, workspace, "messages")).toBe(5 + 3 * rounds);
      expect(await drifts(db, workspace)).toEqual([]);
    }
  }, 120_000);

  it("that fails leaves no trace of its delivery, and the repeat does the work", async () => {
    const db = test.database;
    const { workspace } = await room();
    await db.query("update usage.counters set used = used + 1 where workspace_id = $1", [workspace.id]);
    const time = new Date("2026-01-05T07:05:00Z");
    await db.query("alter table usage.reconciliations rename to elsewhere");
    try {
      expect((await deliver("usage_reconcile", time)).status).toBe(500);
    } finally {
      await db.query("alter table usage.elsewhere rename to reconciliations");
    }
    expect(await used(db, workspace, "channels")).toBe(2);
    const repeated = await deliver("usage_reconcile", time);
    expect(repeated).toEqual({ status: 200, body: { drifted: 1 } });
    expect(await used(db, workspace, "channels")).toBe(1);
    expect((await deliver("usage_reconcile", time)).body).toEqual({ duplicate: true });
  });

  it("beside a workspace that is deleted neither fails nor leaves rows of it", async () => {
    const db = test.database;
    for (let round = 0; round < 5; round += 1) {
      const { workspace, channel } = await room();
      await addMessages(db, workspace, channel, 3);
      await Promise.all([
        db.query("delete from public.workspaces where id = $1", [workspace.id]),
        db.query("select usage.reconcile()"),
        db.query("select usage.reconcile($1)", [workspace.id]),
      ]);
      for (const table of ["counters", "counter_log", "counter_log_totals", "reconciliations"])
        expect(
          await db.query(`select metric from usage.${table} where workspace_id = $1`, [workspace.id]),
        ).toEqual([]);
    }
  });
});

describe("usage_expire_reservations", () => {
  it("in a burst marks each that ran out once, and no other, while commits race it", async () => {
    const db = test.database;
    const { workspace } = await room();
    await setLimit(db, workspace.id, "ai_queries", 1000);
    const reserve = async (): Promise<string> => {
      const request = { op: "reserve", workspaceId: workspace.id, metric: "ai_queries", amount: 5 };
      return String((await askOne(db, request)).reservationId);
    };
    const late: string[] = [];
    const live: string[] = [];
    for (let index = 0; index < 20; index += 1) {
      late.push(await reserve());
      live.push(await reserve());
    }
    for (const id of late) await letExpire(db, id);
    const commit = (reservationId: string) =>
      askOne(db, { op: "commit", workspaceId: workspace.id, reservationId });
    const [answers, ...committed] = await Promise.all([
      burst("usage_expire_reservations", 8),
      ...[...live.slice(0, 10), ...late.slice(0, 10)].map(commit),
    ]);
    expect(sum(answers, "expired")).toBe(20);
    expect(committed.map(({ reason }) => reason)).toEqual([
      ...Array.from({ length: 10 }, () => null),
      ...Array.from({ length: 10 }, () => "reservation-expired"),
    ]);
    const states = await db.query(
      "select status, count(*)::int as n from usage.reservations where workspace_id = $1 group by 1 order by 1",
      [workspace.id],
    );
    expect(states).toEqual([
      { status: "committed", n: 10 },
      { status: "expired", n: 20 },
      { status: "held", n: 10 },
    ]);
    expect(await used(db, workspace, "ai_queries")).toBe(50);
  }, 120_000);
});

describe("usage_prune_ledger", () => {
  it("keeps what still answers, whatever time it was scheduled for, in a burst too", async () => {
    const db = test.database;
    const { workspace } = await room();
    const consume = (idempotencyKey: string) =>
      askOne(db, { op: "consume", workspaceId: workspace.id, metric: "ai_queries", idempotencyKey });
    for (const key of ["young", "old", "gone"]) await consume(key);
    await db.query(
      `update usage.ledger
       set created_at = now() - case idempotency_key when 'old' then interval '33 days 23 hours' when 'gone' then interval '34 days 1 minute' else '0' end
       where workspace_id = $1`,
      [workspace.id],
    );
    const answers = await burst("usage_prune_ledger", 4);
    // a clock that runs a year ahead at the sender
    await deliver("usage_prune_ledger", new Date(Date.now() + 365 * 86_400_000));
    // as the job's own runs are records too, at least the one row of the ledger went
    expect(sum(answers, "pruned")).toBeGreaterThanOrEqual(1);
    const kept = await db.query(
      "select idempotency_key as key from usage.ledger where workspace_id = $1 order by 1",
      [workspace.id],
    );
    expect(kept).toEqual([{ key: "old" }, { key: "young" }]);
    expect((await consume("old")).used).toBe(2);
    expect((await consume("gone")).used).toBe(4);
    expect(await used(db, workspace, "ai_queries")).toBe(4);
  });
});
