import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { endPeriodIn, passBoundary } from "../../support/periods.ts";
import { setLimit } from "../../support/workspaces.ts";
import { ask, askOne, createWorkspace, usedOf } from "../sql/gate-support.ts";

const metric = "ai_queries";

let test: TestDatabase;
let workspaceId: string;

beforeAll(async () => {
  test = await createTestDatabase({ maxConnections: 16 });
});
afterAll(() => test.drop());
beforeEach(async () => {
  workspaceId = await createWorkspace(test.database);
  await setLimit(test.database, workspaceId, metric, 100);
});

const consume = (amount: number, idempotencyKey: string | null, rest: object = {}) =>
  askOne(test.database, { op: "consume", workspaceId, metric, amount, idempotencyKey, ...rest });

interface Correction {
  readonly allowed: boolean;
  readonly reason: string | null;
  readonly used: number | null;
  readonly amount: number | null;
  readonly amountBefore: number | null;
}

const correct = async (op: "amend" | "void", eventKey: string, rest: object = {}): Promise<Correction> => {
  const [row] = await test.database.query<{ answer: Correction }>(
    "select usage.correct($1::jsonb) as answer",
    [JSON.stringify({ op, workspaceId, eventKey, note: "counted twice by the sender", ...rest })],
  );
  if (row === undefined) throw new Error("no answer");
  return row.answer;
};

/** Every period: the counter, its recount, and what the ledger says of it when all of it had keys. */
const periods = () =>
  test.database.query<{ used: number; recount: number; recorded: number }>(
    `select
       counters.used::int as used,
       usage.recount(workspace_id, metric, period_start)::int as recount,
       (
         select coalesce(sum(
           case when ledger.corrects is null then (ledger.answer ->> 'granted')::bigint else ledger.delta end
         ), 0)::int
         from usage.ledger
         left join usage.ledger as event
           on event.workspace_id = ledger.workspace_id
           and event.idempotency_key = ledger.corrects
         cross join lateral usage.period(
           ledger.workspace_id,
           coalesce(event.occurred_at, event.created_at, ledger.occurred_at, ledger.created_at)
         ) as counted
         where ledger.workspace_id = counters.workspace_id
           and ledger.metric = counters.metric
           and ledger.allowed
           and counted.period_start = counters.period_start
       ) as recorded
     from usage.counter_totals as counters
     where workspace_id = $1
       and metric = $2
     order by period_start`,
    [workspaceId, metric],
  );

/** Ends the present period and answers a moment within it. */
const cross = async (): Promise<string> => {
  const [before] = await test.database.query<{ moment: string }>(
    `select to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as moment`,
  );
  await passBoundary(test.database, await endPeriodIn(test.database, workspaceId, 5));
  return before?.moment ?? "";
};

describe("a late event", () => {
  it("counts in the period of its moment, by that period's limit, and leaves the present one alone", async () => {
    await consume(90, "before");
    const occurredAt = await cross();
    await consume(7, "now");
    expect(await consume(8, "late", { occurredAt })).toMatchObject({ allowed: true, used: 98, remaining: 2 });
    expect(await consume(3, "too much", { occurredAt })).toMatchObject({
      allowed: false,
      reason: "usage-limit-exceeded",
      used: 98,
      retryAfterSeconds: null,
      upgrade: null,
    });
    expect(await consume(5, null, { occurredAt, partial: true })).toMatchObject({
      allowed: true,
      granted: 2,
    });
    expect(await periods()).toMatchObject([
      { used: 100, recount: 100 },
      { used: 7, recount: 7, recorded: 7 },
    ]);
  });

  it("is answered the same again, and of the present period is one like any other", async () => {
    const occurredAt = await cross();
    const first = await consume(8, "late", { occurredAt });
    expect(await consume(8, "late", { occurredAt })).toEqual(first);
    expect(await consume(9, "late", { occurredAt })).toMatchObject({ reason: "idempotency-conflict" });
    expect(await consume(4, "present", { occurredAt: new Date().toISOString() })).toMatchObject({ used: 4 });
    expect(await consume(4, "present")).toMatchObject({ used: 4 });
    expect(await periods()).toMatchObject([{ used: 8, recorded: 8 }, { used: 4 }]);
  });

  it("is refused when its period is closed, in the future, or not a moment", async () => {
    const occurredAt = await cross();
    await test.database.query("update usage.metrics set late_hours = 0 where key = $1", [metric]);
    expect(await consume(1, "closed", { occurredAt })).toMatchObject({
      allowed: false,
      reason: "period-closed",
    });
    await test.database.query("update usage.metrics set late_hours = 72 where key = $1", [metric]);
    // The refusal was an answer, which its key keeps.
    expect(await consume(1, "closed", { occurredAt })).toMatchObject({ reason: "period-closed" });
    for (const wrong of ["2999-01-01T00:00:00Z", "yesterday", "2026-02-30T00:00:00Z", "2026-01-01 00:00:00"])
      expect(await consume(1, null, { occurredAt: wrong })).toMatchObject({ reason: "invalid-input" });
    const reserve = { op: "reserve", workspaceId, metric, amount: 1, occurredAt };
    expect(await askOne(test.database, reserve)).toMatchObject({ reason: "invalid-input" });
  });

  it("finds its answer in an array beside those of now", async () => {
    const occurredAt = await cross();
    const asked = (amount: number, rest: object = {}) => ({
      ...{ op: "consume", workspaceId, metric, amount },
      ...rest,
    });
    const answers = await ask(test.database, [asked(1), asked(20, { occurredAt }), asked(2)]);
    expect(answers.map(({ used }) => used)).toEqual([1, 20, 3]);
  });
});

describe("a correction", () => {
  it("changes the counter by the difference and shows both in the ledger", async () => {
    await consume(30, "event");
    expect(await correct("amend", "event", { amount: 12, idempotencyKey: "c1" })).toMatchObject({
      allowed: true,
      amountBefore: 30,
      amount: 12,
      used: 12,
    });
    expect(await correct("amend", "event", { amount: 20 })).toMatchObject({ amountBefore: 12, used: 20 });
    expect(await correct("void", "event")).toMatchObject({ amountBefore: 20, amount: 0, used: 0 });
    expect(await correct("amend", "event", { amount: 5 })).toMatchObject({ reason: "event-voided", used: 0 });
    expect(await consume(30, "event")).toMatchObject({ allowed: true, used: 30 });
    expect(await usedOf(test.database, workspaceId, metric)).toBe(0);
    const rows = await test.database.query(
      "select op, amount::int as amount, corrects, delta::int as delta, allowed from usage.ledger where workspace_id = $1 order by created_at",
      [workspaceId],
    );
    expect(rows).toEqual([
      { op: "consume", amount: 30, corrects: null, delta: null, allowed: true },
      { op: "amend", amount: 12, corrects: "event", delta: -18, allowed: true },
      { op: "amend", amount: 20, corrects: "event", delta: 8, allowed: true },
      { op: "void", amount: 0, corrects: "event", delta: -20, allowed: true },
      { op: "amend", amount: 5, corrects: "event", delta: null, allowed: false },
    ]);
    expect(await periods()).toEqual([{ used: 0, recount: 0, recorded: 0 }]);
  });

  it("reaches a period that is over while it is open, and no longer", async () => {
    await consume(30, "event");
    await cross();
    await consume(3, "now");
    expect(await correct("amend", "event", { amount: 25 })).toMatchObject({ allowed: true, used: 25 });
    expect(await periods()).toEqual([
      { used: 25, recount: 25, recorded: 25 },
      { used: 3, recount: 3, recorded: 3 },
    ]);
    await test.database.query("update usage.metrics set late_hours = 0 where key = $1", [metric]);
    expect(await correct("void", "event")).toMatchObject({ allowed: false, reason: "period-closed" });
    await test.database.query("update usage.metrics set late_hours = 72 where key = $1", [metric]);
  });

  it("passes no limit, and gives back below one that fell", async () => {
    await consume(60, "event");
    await consume(30, "other");
    expect(await correct("amend", "event", { amount: 71 })).toMatchObject({ reason: "usage-limit-exceeded" });
    expect(await correct("amend", "event", { amount: 70 })).toMatchObject({ allowed: true, used: 100 });
    await setLimit(test.database, workspaceId, metric, 10);
    expect(await correct("amend", "event", { amount: 69 })).toMatchObject({ allowed: true, used: 99 });
  });

  it("takes an alert back", async () => {
    await consume(95, "event");
    await correct("amend", "event", { amount: 10 });
    await consume(85, "again");
    const alerts = await test.database.query(
      "select kind, threshold_percent as percent from usage.alerts where workspace_id = $1 and metric = $2 order by threshold_percent, sequence",
      [workspaceId, metric],
    );
    expect(alerts).toEqual([
      { kind: "crossed", percent: 75 },
      { kind: "recovered", percent: 75 },
      { kind: "crossed", percent: 90 },
      { kind: "recovered", percent: 90 },
    ]);
  });

  it.each([
    ["an event that is not there", "amend", "missing", { amount: 1 }, "event-not-found"],
    ["a refused event", "void", "refused", {}, "event-not-found"],
    ["another metric", "void", "event", { metric: "api_calls" }, "event-not-found"],
    ["no reason", "void", "event", { note: " " }, "invalid-input"],
    ["nothing", "amend", "event", { amount: 0 }, "invalid-input"],
    ["a void with an amount", "void", "event", { amount: 1 }, "invalid-input"],
    ["its own key", "void", "event", { idempotencyKey: "event" }, "invalid-input"],
    ["rows", "void", "rows", {}, "row-metered"],
  ] as const)("is refused for %s", async (_, op, eventKey, rest, reason) => {
    await consume(5, "event");
    await consume(500, "refused");
    const held = await askOne(test.database, { op: "reserve", workspaceId, metric: "channels", amount: 1 });
    await askOne(test.database, {
      ...{ op: "commit", workspaceId, reservationId: held.reservationId, idempotencyKey: "rows" },
    });
    expect(await correct(op, eventKey, rest)).toMatchObject({ allowed: false, reason });
    expect(await usedOf(test.database, workspaceId, metric)).toBe(5);
  });

  it("corrects the metrics of an event with several one by one", async () => {
    await askOne(test.database, {
      ...{ op: "consume", workspaceId, idempotencyKey: "both" },
      items: [
        { metric, amount: 4 },
        { metric: "api_calls", amount: 6 },
      ],
    });
    expect(await correct("void", "both")).toMatchObject({ reason: "event-not-found" });
    expect(await correct("void", "both", { metric })).toMatchObject({ allowed: true, amountBefore: 4 });
    expect(await correct("amend", "both", { metric: "api_calls", amount: 1 })).toMatchObject({
      amountBefore: 6,
      used: 1,
    });
  });
});

it("keeps counter, recount and ledger equal while sixteen clients use, correct and repeat", async () => {
  await setLimit(test.database, workspaceId, metric, 400);
  const keys = Array.from({ length: 16 }, () => Array.from({ length: 6 }, () => randomUUID()));
  await Promise.all(
    keys.map(async (mine, client) => {
      for (const [n, key] of mine.entries()) {
        await consume(1 + (n % 5), key);
        const amend = { amount: 1 + ((n + client) % 9), idempotencyKey: `${key}/a` };
        // The same correction twice at once, and beside it another one of the same event.
        const [one, other] = await Promise.all([
          correct("amend", key, amend),
          correct("amend", key, amend),
          n % 3 === 0 ? correct("void", key, { idempotencyKey: `${key}/v` }) : undefined,
        ]);
        expect(one).toEqual(other);
      }
    }),
  );
  const [present] = await periods();
  expect(present?.used).toBeGreaterThan(0);
  expect(present).toEqual({ used: present?.used, recount: present?.used, recorded: present?.used });
  const drifted = await test.database.query("select * from usage.reconcile($1)", [workspaceId]);
  expect(drifted).toEqual([]);
  expect((await periods())[0]).toEqual(present);
});
