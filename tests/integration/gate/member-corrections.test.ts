import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { endPeriodIn, passBoundary } from "../../support/periods.ts";
import { askOne, createWorkspace } from "../sql/gate-support.ts";

/** Late events and corrections where a member has a limit of its own: both counters move, in the period of the event. */

const metric = "ai_queries";
const ada = randomUUID();
const bob = randomUUID();

let test: TestDatabase;
let workspaceId: string;

beforeAll(async () => {
  test = await createTestDatabase({ maxConnections: 16 });
});
afterAll(() => test.drop());
beforeEach(async () => {
  workspaceId = await createWorkspace(test.database, "pro");
});

const limitMembers = (value: number, of = metric) =>
  test.database.query(
    "insert into billing.member_limits (workspace_id, metric, limit_value) values ($1, $2, $3)",
    [workspaceId, of, value],
  );

const consume = (memberId: string | null, amount: number, idempotencyKey: string, rest: object = {}) =>
  askOne(test.database, { op: "consume", workspaceId, metric, memberId, amount, idempotencyKey, ...rest });

const correct = async (op: "amend" | "void", eventKey: string, rest: object = {}) => {
  const [row] = await test.database.query<{ answer: Readonly<Record<string, unknown>> }>(
    "select usage.correct($1::jsonb) as answer",
    [JSON.stringify({ op, workspaceId, eventKey, note: "charged to the wrong account", ...rest })],
  );
  return row?.answer;
};

/** By period: what the workspace and each member have used. */
const levels = () =>
  test.database.query(
    `select
       totals.used::int as workspace,
       coalesce(max(members.used) filter (where members.member_id = $3), 0)::int as ada,
       coalesce(max(members.used) filter (where members.member_id = $4), 0)::int as bob
     from usage.counter_totals as totals
     left join usage.member_counters as members using (workspace_id, metric, period_start)
     where totals.workspace_id = $1
       and totals.metric = $2
     group by totals.period_start, totals.used
     order by totals.period_start`,
    [workspaceId, metric, ada, bob],
  );

const expectNoDrift = async (): Promise<void> => {
  for (const reconcile of ["usage.reconcile", "usage.reconcile_members"])
    expect(await test.database.query(`select * from ${reconcile}($1, false)`, [workspaceId])).toEqual([]);
};

/** Ends the present period and answers a moment within it. */
const cross = async (): Promise<string> => {
  const [before] = await test.database.query<{ moment: string }>(
    `select to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as moment`,
  );
  await passBoundary(test.database, await endPeriodIn(test.database, workspaceId, 5));
  return before?.moment ?? "";
};

describe("a correction of what a member used", () => {
  it("gives the member back what it gives the workspace back, and takes from both", async () => {
    await limitMembers(10);
    await consume(ada, 8, "event");
    await consume(bob, 3, "other");
    expect(await correct("amend", "event", { amount: 2 })).toMatchObject({ allowed: true, used: 5 });
    expect(await levels()).toEqual([{ workspace: 5, ada: 2, bob: 3 }]);
    expect(await consume(ada, 8, "again")).toMatchObject({ allowed: true, member: { used: 10 } });
    expect(await correct("void", "again")).toMatchObject({ allowed: true, used: 5 });
    expect(await correct("amend", "event", { amount: 6 })).toMatchObject({ allowed: true, used: 9 });
    expect(await levels()).toEqual([{ workspace: 9, ada: 6, bob: 3 }]);
    await expectNoDrift();
  });

  it("passes no limit of a member, what it holds counted in", async () => {
    await limitMembers(10);
    await consume(ada, 4, "event");
    await askOne(test.database, { op: "reserve", workspaceId, metric, memberId: ada, amount: 3 });
    expect(await correct("amend", "event", { amount: 8 })).toMatchObject({
      allowed: false,
      reason: "usage-limit-exceeded",
      used: 4,
    });
    expect(await correct("amend", "event", { amount: 7 })).toMatchObject({ allowed: true });
    expect(await levels()).toEqual([{ workspace: 7, ada: 7, bob: 0 }]);
    await expectNoDrift();
  });

  it("leaves the members alone where the use counted for none", async () => {
    await consume(ada, 8, "before members were counted");
    await limitMembers(10);
    await consume(null, 4, "of nobody");
    await consume(ada, 5, "event");
    await correct("void", "before members were counted");
    await correct("amend", "of nobody", { amount: 1 });
    expect(await levels()).toEqual([{ workspace: 6, ada: 5, bob: 0 }]);
    await expectNoDrift();
  });

  it("reaches the member's counter of a period that is over", async () => {
    await limitMembers(10);
    await consume(ada, 8, "event");
    await cross();
    await consume(ada, 1, "now");
    expect(await correct("amend", "event", { amount: 3 })).toMatchObject({ allowed: true, used: 3 });
    expect(await correct("amend", "event", { amount: 11 })).toMatchObject({
      reason: "usage-limit-exceeded",
    });
    expect(await levels()).toEqual([
      { workspace: 3, ada: 3, bob: 0 },
      { workspace: 1, ada: 1, bob: 0 },
    ]);
    await expectNoDrift();
  });

  it("finds the member of a committed hold and of one metric of several", async () => {
    await limitMembers(10);
    await limitMembers(10, "ai_seconds");
    const held = await askOne(test.database, {
      op: "reserve",
      workspaceId,
      metric,
      memberId: ada,
      amount: 6,
    });
    // Whoever settles it, it is the member's.
    await askOne(test.database, {
      ...{ op: "commit", workspaceId, reservationId: held.reservationId, idempotencyKey: "hold" },
    });
    await askOne(test.database, {
      ...{ op: "consume", workspaceId, memberId: bob, idempotencyKey: "both" },
      items: [
        { metric, amount: 4 },
        { metric: "ai_seconds", amount: 9 },
      ],
    });
    await correct("amend", "hold", { amount: 1 });
    await correct("void", "both", { metric });
    expect(await levels()).toEqual([{ workspace: 1, ada: 1, bob: 0 }]);
    await correct("amend", "both", { metric: "ai_seconds", amount: 2 });
    expect(
      await test.database.query(
        "select used::int from usage.member_counters where workspace_id = $1 and metric = 'ai_seconds' and member_id = $2",
        [workspaceId, bob],
      ),
    ).toEqual([{ used: 2 }]);
    await expectNoDrift();
  });

  it("is one with the counters while sixteen clients use, correct and repeat", async () => {
    await limitMembers(60);
    await Promise.all(
      Array.from({ length: 16 }, async (_, client) => {
        const memberId = client % 2 === 0 ? ada : bob;
        for (let n = 0; n < 6; n += 1) {
          const key = `${String(client)}/${String(n)}`;
          await consume(memberId, 1 + (n % 5), key);
          await Promise.all([
            correct("amend", key, { amount: 1 + ((n + client) % 9), idempotencyKey: `${key}/a` }),
            correct("amend", key, { amount: 1 + ((n + client) % 9), idempotencyKey: `${key}/a` }),
            n % 3 === 0 ? correct("void", key, { idempotencyKey: `${key}/v` }) : undefined,
          ]);
        }
      }),
    );
    const [level] = (await levels()) as { workspace: number; ada: number; bob: number }[];
    expect(level?.ada).toBeGreaterThan(0);
    expect(level?.ada).toBeLessThanOrEqual(60);
    expect((level?.ada ?? 0) + (level?.bob ?? 0)).toBe(level?.workspace);
    await expectNoDrift();
  });
});

describe("a late event of a member", () => {
  it("counts for it in the period of its moment, by its limit of that moment", async () => {
    await limitMembers(10);
    await consume(ada, 6, "before");
    const occurredAt = await cross();
    await consume(ada, 9, "now");
    expect(await consume(ada, 3, "late", { occurredAt })).toMatchObject({
      allowed: true,
      used: 9,
      member: { memberId: ada, used: 9, remaining: 1 },
    });
    expect(await consume(ada, 2, "too much", { occurredAt })).toMatchObject({
      allowed: false,
      reason: "usage-limit-exceeded",
      limitedBy: "member-limit",
      retryAfterSeconds: null,
      upgrade: null,
      member: { used: 9, remaining: 1 },
    });
    expect(await consume(ada, 5, "a part", { occurredAt, partial: true })).toMatchObject({ granted: 1 });
    expect(await consume(bob, 2, "of bob", { occurredAt })).toMatchObject({ member: { used: 2 } });
    expect(await correct("void", "late")).toMatchObject({ allowed: true, used: 9 });
    expect(await levels()).toEqual([
      { workspace: 9, ada: 7, bob: 2 },
      { workspace: 9, ada: 9, bob: 0 },
    ]);
    await expectNoDrift();
  });

  it("counts for the workspace alone where members are not counted", async () => {
    const occurredAt = await cross();
    expect(await consume(ada, 3, "late", { occurredAt })).toMatchObject({
      allowed: true,
      used: 3,
      member: null,
    });
    expect(await levels()).toEqual([{ workspace: 3, ada: 0, bob: 0 }]);
  });
});

it("a level that the gate feeds has no past to add to and none to correct", async () => {
  await test.database.query(
    "insert into usage.metrics (key, kind, unit, feed, title, description) values ('seats', 'gauge', 'count', 'gate', 'Seats', 'Seats in use')",
  );
  await test.database.query(
    "insert into billing.limit_overrides (workspace_id, metric, limit_value, reason) values ($1, 'seats', 5, 'test')",
    [workspaceId],
  );
  expect(await consume(null, 2, "seat", { metric: "seats" })).toMatchObject({ allowed: true, used: 2 });
  const occurredAt = await cross();
  expect(await consume(null, 1, "late seat", { metric: "seats", occurredAt })).toMatchObject({
    allowed: false,
    reason: "invalid-input",
  });
  expect(await correct("amend", "seat", { amount: 1 })).toMatchObject({
    allowed: false,
    reason: "invalid-input",
  });
  const [seats] = await test.database.query(
    "select used::int from usage.current where workspace_id = $1 and metric = 'seats'",
    [workspaceId],
  );
  expect(seats).toEqual({ used: 2 });
});
