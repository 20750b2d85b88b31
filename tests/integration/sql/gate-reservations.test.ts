import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";

import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { addChannels, askOne, createWorkspace, failureOf, letExpire, usedOf } from "./gate-support.ts";

let test: TestDatabase;
let workspaceId: string;

beforeAll(async () => {
  test = await createTestDatabase({ maxConnections: 16 });
});
afterAll(() => test.drop());
beforeEach(async () => {
  workspaceId = await createWorkspace(test.database);
});

const reserve = (amount: number, rest: Readonly<Record<string, unknown>> = {}) =>
  askOne(test.database, { op: "reserve", workspaceId, metric: "ai_queries", amount, ...rest });
const commit = (reservationId: string | null, amount?: number) =>
  askOne(test.database, { op: "commit", workspaceId, reservationId, amount });
const release = (reservationId: string | null) =>
  askOne(test.database, { op: "release", workspaceId, reservationId });

describe("usage.gate_many: reservations", () => {
  it("holds headroom without counting it, and counts it once on commit", async () => {
    const held = await reserve(60);
    expect(held).toMatchObject({ allowed: true, used: 0, reserved: 60, remaining: 40 });
    expect(await reserve(41)).toMatchObject({
      allowed: false,
      reason: "usage-limit-exceeded",
      message: "limit of 100 ai_queries reached: 0 used, 60 reserved, 41 more requested",
      reservationId: null,
    });
    const done = await commit(held.reservationId);
    expect(done).toMatchObject({
      allowed: true,
      amount: 60,
      used: 60,
      reserved: 0,
      remaining: 40,
      reservationId: held.reservationId,
    });
    expect(await commit(held.reservationId)).toEqual(done);
    expect(await commit(held.reservationId, 60)).toEqual(done);
    expect(await commit(held.reservationId, 59)).toMatchObject({ reason: "idempotency-conflict" });
    expect(await usedOf(test.database, workspaceId, "ai_queries")).toBe(60);
  });

  it("commits less than it held, and never more", async () => {
    const { reservationId } = await reserve(10);
    expect(await commit(reservationId, 11)).toMatchObject({ allowed: false, reason: "invalid-input" });
    expect(await commit(reservationId, 4)).toMatchObject({ allowed: true, amount: 4, used: 4, reserved: 0 });
  });

  it("gives headroom back on release, once", async () => {
    const { reservationId } = await reserve(100);
    const done = await release(reservationId);
    expect(done).toMatchObject({ allowed: true, amount: 100, used: 0, reserved: 0, remaining: 100 });
    expect(await release(reservationId)).toEqual(done);
    expect(await commit(reservationId)).toMatchObject({ allowed: false, reason: "reservation-not-found" });
    expect(await usedOf(test.database, workspaceId, "ai_queries")).toBe(0);
  });

  it("frees expired headroom at once, whether or not the job has run", async () => {
    const { reservationId } = await reserve(100);
    await letExpire(test.database, reservationId);
    expect(await reserve(100)).toMatchObject({ allowed: true, reserved: 100 });
    expect(await commit(reservationId)).toMatchObject({ allowed: false, reason: "reservation-expired" });
    expect(await release(reservationId)).toMatchObject({ allowed: false, reason: "reservation-expired" });

    const rows = await test.database.query<{ expired: number }>(
      "select usage.expire_reservations() as expired",
    );
    expect(rows).toEqual([{ expired: 1 }]);
    expect(await commit(reservationId)).toMatchObject({ allowed: false, reason: "reservation-expired" });
    const again = await test.database.query("select usage.expire_reservations() as expired");
    expect(again).toEqual([{ expired: 0 }]);
  });

  it("lives 300 seconds unless told otherwise", async () => {
    const byDefault = await reserve(1);
    const short = await reserve(1, { ttlSeconds: 7 });
    const rows = await test.database.query<{ seconds: number }>(
      `select round(extract(epoch from expires_at - created_at))::integer as seconds
       from usage.reservations
       where id = any ($1::uuid[])
       order by expires_at`,
      [[byDefault.reservationId, short.reservationId]],
    );
    expect(rows.map(({ seconds }) => seconds)).toEqual([7, 300]);
  });

  it("is not there for another workspace", async () => {
    const { reservationId } = await reserve(10);
    const other = await createWorkspace(test.database);
    for (const op of ["commit", "release"]) {
      expect(await askOne(test.database, { op, workspaceId: other, reservationId })).toMatchObject({
        allowed: false,
        reason: "reservation-not-found",
        metric: null,
        used: null,
      });
    }
    expect(await commit(reservationId)).toMatchObject({ allowed: true });
  });

  it("reserves once under an idempotency key", async () => {
    const first = await reserve(10, { idempotencyKey: "r" });
    expect(await reserve(10, { idempotencyKey: "r" })).toEqual(first);
    expect(await reserve(10, { idempotencyKey: "r", ttlSeconds: 9 })).toMatchObject({
      reason: "idempotency-conflict",
    });
    expect(await askOne(test.database, { op: "check", workspaceId, metric: "ai_queries" })).toMatchObject({
      reserved: 10,
    });
  });

  it("commits once when many clients commit at once", async () => {
    const { reservationId } = await reserve(10);
    const answers = await Promise.all(Array.from({ length: 8 }, () => commit(reservationId)));
    expect(answers.every(({ allowed, used }) => allowed && used === 10)).toBe(true);
    expect(await usedOf(test.database, workspaceId, "ai_queries")).toBe(10);
  });

  it("never grants more than the limit to sixteen clients that reserve and commit", async () => {
    const granted = await Promise.all(
      Array.from({ length: 48 }, async (_, i) => {
        const held = await reserve(5);
        if (!held.allowed) return 0;
        if (i % 4 === 0) {
          await release(held.reservationId);
          return 0;
        }
        return (await commit(held.reservationId)).allowed ? 5 : 0;
      }),
    );
    const used = await usedOf(test.database, workspaceId, "ai_queries");
    expect(used).toBe(granted.reduce<number>((sum, one) => sum + one, 0));
    expect(used).toBeLessThanOrEqual(100);
    expect(used).toBeGreaterThan(0);
  });

  it("holds headroom of a metric that rows feed, and leaves the counting to the rows", async () => {
    const held = await reserve(2, { metric: "channels" });
    expect(held).toMatchObject({ allowed: true, reserved: 2, remaining: 3 });
    await addChannels(test.database, workspaceId, 3);
    expect(await failureOf(addChannels(test.database, workspaceId, 1))).toMatchObject({ code: "23U01" });
    expect(await commit(held.reservationId)).toMatchObject({
      allowed: true,
      used: 3,
      reserved: 0,
      remaining: 2,
    });
    await addChannels(test.database, workspaceId, 2);
    expect(await usedOf(test.database, workspaceId, "channels")).toBe(5);
  });
});
