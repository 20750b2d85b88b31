import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";

import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { ask, askOne, createWorkspace, type Decision, letExpire, usedOf } from "./gate-support.ts";

let test: TestDatabase;
let workspaceId: string;

beforeAll(async () => {
  test = await createTestDatabase({ maxConnections: 16 });
});
afterAll(() => test.drop());
beforeEach(async () => {
  workspaceId = await createWorkspace(test.database);
});

const settle = (op: string, reservationId: string | null, rest: Readonly<Record<string, unknown>> = {}) =>
  askOne(test.database, { op, workspaceId, reservationId, ...rest });

const reserve = async (amount = 10): Promise<string | null> => {
  const held = await askOne(test.database, { op: "reserve", workspaceId, metric: "ai_queries", amount });
  expect(held).toMatchObject({ allowed: true, granted: amount, reservationStatus: null });
  return held.reservationId;
};

/** How a reservation comes into each of its states. */
const states = {
  held: reserve,
  committed: async () => {
    const id = await reserve();
    await settle("commit", id, { amount: 4 });
    return id;
  },
  released: async () => {
    const id = await reserve();
    await settle("release", id);
    return id;
  },
  expired: async () => {
    const id = await reserve();
    await letExpire(test.database, id);
    return id;
  },
  "marked expired": async () => {
    const id = await reserve();
    await letExpire(test.database, id);
    await test.database.query("select usage.expire_reservations()");
    return id;
  },
} as const;

type State = keyof typeof states;
const past: Partial<Decision> = { allowed: false, reason: "reservation-expired" };
const closed: Partial<Decision> = { allowed: false, reason: "reservation-not-found" };
const conflict: Partial<Decision> = { allowed: false, reason: "idempotency-conflict" };
const invalid: Partial<Decision> = { allowed: false, reason: "invalid-input" };

/** The table of docs/gate.md, a row for each operation, and what is used afterwards. */
const table: readonly (readonly [
  string,
  Readonly<Record<string, unknown>>,
  Readonly<Record<State, unknown>>,
])[] = [
  [
    "commit",
    {},
    {
      held: { allowed: true, granted: 10, used: 10, reserved: 0 },
      committed: { allowed: true, granted: 4, used: 4 },
      released: closed,
      expired: past,
      "marked expired": past,
    },
  ],
  [
    "commit",
    { amount: 4 },
    {
      held: { allowed: true, granted: 4, used: 4, reserved: 0 },
      committed: { allowed: true, granted: 4, used: 4 },
      released: closed,
      expired: past,
      "marked expired": past,
    },
  ],
  [
    "commit",
    { amount: 11 },
    { held: invalid, committed: conflict, released: closed, expired: past, "marked expired": past },
  ],
  [
    "release",
    {},
    {
      held: { allowed: true, granted: 0, used: 0, reserved: 0 },
      committed: closed,
      released: { allowed: true, granted: 0, used: 0 },
      expired: past,
      "marked expired": past,
    },
  ],
  [
    "extend",
    { ttlSeconds: 900 },
    {
      held: { allowed: true, granted: 10, used: 0, reserved: 10, reservationStatus: "held" },
      committed: closed,
      released: closed,
      expired: past,
      "marked expired": past,
    },
  ],
];

describe("the table of states and operations of a reservation", () => {
  it.each(
    table.flatMap(([op, rest, answers]) =>
      (Object.keys(states) as State[]).map((state) => ({ op, rest, state, answer: answers[state] })),
    ),
  )("$op $rest of a $state one", async ({ op, rest, state, answer }) => {
    const id = await states[state]();
    const before = await usedOf(test.database, workspaceId, "ai_queries");
    const decision = await settle(op, id, rest);
    expect(decision).toMatchObject(answer as object);
    expect(decision.reservationId).toBe(id);
    const after = await usedOf(test.database, workspaceId, "ai_queries");
    expect(after).toBe(op === "commit" && state === "held" && decision.allowed ? decision.granted : before);
  });

  it.each(Object.keys(states) as State[])(
    "answers another workspace that a %s one is not there",
    async (state) => {
      const id = await states[state]();
      const stranger = await createWorkspace(test.database);
      for (const op of ["commit", "release", "extend"]) {
        expect(await askOne(test.database, { op, workspaceId: stranger, reservationId: id })).toMatchObject({
          ...closed,
          metric: null,
          used: null,
          reservationStatus: null,
        });
      }
    },
  );
});

describe("extending", () => {
  const expiryOf = async (id: string | null): Promise<number> => {
    const [row] = await test.database.query<{ seconds: number }>(
      "select round(extract(epoch from expires_at - clock_timestamp()))::integer as seconds from usage.reservations where id = $1",
      [id],
    );
    return row?.seconds ?? Number.NaN;
  };

  it("keeps the hold past its first end, as often as it is asked, and never shortens it", async () => {
    const id = await reserve();
    for (const [asked, least] of [
      [600, 595],
      [3600, 3595],
      [1, 3590],
    ] as const) {
      const decision = await settle("extend", id, { ttlSeconds: asked });
      expect(decision).toMatchObject({ allowed: true, expiresAt: expect.stringMatching(/Z$/u) });
      expect(await expiryOf(id)).toBeGreaterThanOrEqual(least);
    }
    expect(await settle("extend", id, { ttlSeconds: 86_401 })).toMatchObject(invalid);
    expect(await settle("commit", id)).toMatchObject({ allowed: true, used: 10 });
  });

  it("extends once under a key", async () => {
    const id = await reserve();
    const first = await settle("extend", id, { ttlSeconds: 900, idempotencyKey: "longer" });
    await test.database.query(
      "update usage.reservations set expires_at = expires_at - interval '5 minutes' where id = $1",
      [id],
    );
    const before = await expiryOf(id);
    expect(await settle("extend", id, { ttlSeconds: 900, idempotencyKey: "longer" })).toEqual(first);
    expect(await expiryOf(id)).toBeLessThanOrEqual(before);
    expect(await settle("extend", id, { ttlSeconds: 901, idempotencyKey: "longer" })).toMatchObject(conflict);
  });

  it("works in one array with what follows it", async () => {
    const id = await reserve();
    const answers = await ask(test.database, [
      { op: "extend", workspaceId, reservationId: id, ttlSeconds: 900 },
      { op: "commit", workspaceId, reservationId: id, amount: 3 },
      { op: "commit", workspaceId, reservationId: id, amount: 3 },
      { op: "release", workspaceId, reservationId: id },
      { op: "extend", workspaceId, reservationId: id },
    ]);
    expect(answers.map(({ reason }) => reason)).toEqual([
      null,
      null,
      null,
      "reservation-not-found",
      "reservation-not-found",
    ]);
    expect(answers[2]).toEqual(answers[1]);
    expect(await usedOf(test.database, workspaceId, "ai_queries")).toBe(3);
  });
});

describe("a commit above its hold", () => {
  it("is refused by a hard limit and let through by a soft one", async () => {
    await test.database.query(
      "insert into billing.plans (id, name, rank, rate_limit_per_minute) values ('soft', 'Soft', 90, 1)",
    );
    await test.database.query(
      "insert into billing.plan_limits (plan_id, metric, limit_value, enforcement) values ('soft', 'ai_queries', 12, 'soft')",
    );
    await test.database.query(
      "insert into billing.subscriptions (workspace_id, plan_id) values ($1, 'soft')",
      [workspaceId],
    );
    const id = await reserve(10);
    const done = await settle("commit", id, { amount: 15 });
    expect(done).toMatchObject({
      allowed: true,
      granted: 15,
      used: 15,
      reserved: 0,
      limit: 12,
      remaining: 0,
      overage: 3,
    });
    expect(await settle("commit", id, { amount: 15 })).toEqual(done);
    expect(await settle("commit", id, { amount: 10 })).toMatchObject(conflict);
  });
});

describe("when time helps", () => {
  it("names the end of enough holds before the end of the period", async () => {
    const held = async (amount: number, ttlSeconds: number) =>
      askOne(test.database, { op: "reserve", workspaceId, metric: "ai_queries", amount, ttlSeconds });
    await held(50, 100);
    await held(50, 1000);
    const few = await askOne(test.database, { op: "check", workspaceId, metric: "ai_queries", amount: 50 });
    const many = await askOne(test.database, { op: "check", workspaceId, metric: "ai_queries", amount: 51 });
    const never = await askOne(test.database, {
      op: "check",
      workspaceId,
      metric: "ai_queries",
      amount: 101,
    });
    expect(few.retryAfterSeconds).toBeLessThanOrEqual(100);
    expect(few.retryAfterSeconds).toBeGreaterThan(0);
    expect(many.retryAfterSeconds).toBeGreaterThan(100);
    expect(many.retryAfterSeconds).toBeLessThanOrEqual(1000);
    expect(never.retryAfterSeconds).toBeNull();
  });
});
