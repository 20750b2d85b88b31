import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";

import type { Queryable } from "../../../src/core/index.ts";
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

interface Arguments {
  readonly metric?: string;
  readonly amount?: number;
  readonly idempotencyKey?: string;
  readonly reservationId?: string | null;
  readonly workspaceId?: string;
  readonly session?: Readonly<Record<string, string>>;
}

const gate = (db: Queryable, asked: Arguments) =>
  db.query(
    `select *
     from usage.gate(
       metric => $1, amount => $2, idempotency_key => $3, reservation_id => $4, workspace_id => $5, hasura_session => $6
     )`,
    [
      asked.metric ?? null,
      asked.amount ?? null,
      asked.idempotencyKey ?? null,
      asked.reservationId ?? null,
      asked.workspaceId ?? null,
      asked.session === undefined ? null : JSON.stringify(asked.session),
    ],
  );

const asUser = (id: string) => ({ "x-hasura-role": "user", "x-hasura-workspace-id": id });

const reserveChannels = async (amount: number): Promise<string | null> => {
  const held = await askOne(test.database, { op: "reserve", workspaceId, metric: "channels", amount });
  expect(held.allowed).toBe(true);
  return held.reservationId;
};

describe("usage.gate", () => {
  it("uses an amount for the workspace of the session", async () => {
    const rows = await gate(test.database, { metric: "ai_queries", amount: 3, session: asUser(workspaceId) });
    expect(rows).toMatchObject([
      {
        workspace_id: workspaceId,
        metric: "ai_queries",
        allowed: true,
        amount: "3",
        used: "3",
        limit_value: "100",
        remaining: "97",
      },
    ]);
  });

  it("gives back what it used when the transaction fails", async () => {
    await expect(
      test.database.transaction(async (tx) => {
        await gate(tx, {
          metric: "ai_queries",
          amount: 3,
          idempotencyKey: "k",
          session: asUser(workspaceId),
        });
        throw new Error("a later mutation failed");
      }),
    ).rejects.toThrow("a later mutation failed");
    expect(await usedOf(test.database, workspaceId, "ai_queries")).toBe(0);
    await gate(test.database, {
      metric: "ai_queries",
      amount: 5,
      idempotencyKey: "k",
      session: asUser(workspaceId),
    });
    expect(await usedOf(test.database, workspaceId, "ai_queries")).toBe(5);
  });

  it("raises a denial that explains itself", async () => {
    const failure = await failureOf(
      gate(test.database, { metric: "ai_queries", amount: 101, session: asUser(workspaceId) }),
    );
    expect(failure).toMatchObject({
      code: "23U01",
      message: "limit of 100 ai_queries reached: 0 used, 101 more requested",
    });
    expect(JSON.parse(failure.detail)).toMatchObject({
      allowed: false,
      code: "usage-limit-exceeded",
      limit: 100,
    });
  });

  it.each([
    ["row-metered", { metric: "channels" }],
    ["feature-not-in-plan", { metric: "ai_seconds" }],
    ["unknown-metric", { metric: "nothing" }],
    ["invalid-input", {}],
    ["reservation-not-found", { reservationId: "00000000-0000-4000-8000-000000000000" }],
  ])("raises %s", async (code, asked) => {
    const failure = await failureOf(gate(test.database, { ...asked, session: asUser(workspaceId) }));
    expect(failure.code).toBe("23U01");
    expect(JSON.parse(failure.detail)).toMatchObject({ code });
  });

  it("takes the workspace from the session, whatever the argument says", async () => {
    const other = await createWorkspace(test.database);
    for (const session of [asUser(workspaceId), { "x-hasura-role": "user" }]) {
      const failure = await failureOf(
        gate(test.database, { metric: "ai_queries", workspaceId: other, session }),
      );
      expect(JSON.parse(failure.detail)).toMatchObject({ code: "workspace-forbidden" });
    }
    await gate(test.database, {
      metric: "ai_queries",
      workspaceId: other,
      session: { "x-hasura-role": "admin" },
    });
    expect(await usedOf(test.database, other, "ai_queries")).toBe(1);
    expect(await usedOf(test.database, workspaceId, "ai_queries")).toBe(0);
    const failure = await failureOf(gate(test.database, { metric: "ai_queries" }));
    expect(JSON.parse(failure.detail)).toMatchObject({ code: "workspace-forbidden" });
  });

  it("lets the rows of its transaction draw on a reservation, and nobody else", async () => {
    await addChannels(test.database, workspaceId, 3);
    const reservationId = await reserveChannels(2);
    expect((await failureOf(addChannels(test.database, workspaceId, 1))).code).toBe("23U01");
    await test.database.transaction(async (tx) => {
      await gate(tx, { reservationId, session: asUser(workspaceId) });
      await addChannels(tx, workspaceId, 1);
      await addChannels(tx, workspaceId, 1);
    });
    expect(await usedOf(test.database, workspaceId, "channels")).toBe(5);
    const rows = await test.database.query("select status from usage.reservations where id = $1", [
      reservationId,
    ]);
    expect(rows).toEqual([{ status: "committed" }]);
  });

  it("gives the reservation back with the transaction", async () => {
    const reservationId = await reserveChannels(5);
    await expect(
      test.database.transaction(async (tx) => {
        await gate(tx, { reservationId, session: asUser(workspaceId) });
        await addChannels(tx, workspaceId, 2);
        throw new Error("undone");
      }),
    ).rejects.toThrow("undone");
    expect(await usedOf(test.database, workspaceId, "channels")).toBe(0);
    await test.database.transaction(async (tx) => {
      await gate(tx, { reservationId, session: asUser(workspaceId) });
      await addChannels(tx, workspaceId, 5);
    });
    expect(await usedOf(test.database, workspaceId, "channels")).toBe(5);
  });

  it("does not let the rows of a reservation be taken twice", async () => {
    const reservationId = await reserveChannels(2);
    await addChannels(test.database, workspaceId, 3);
    const draw = () =>
      test.database.transaction(async (tx) => {
        await gate(tx, { reservationId, session: asUser(workspaceId) });
        await addChannels(tx, workspaceId, 2);
      });
    const results = await Promise.allSettled(Array.from({ length: 8 }, draw));
    expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    expect(await usedOf(test.database, workspaceId, "channels")).toBe(5);
  });

  it("keeps the headroom of a drawn reservation from writers that wait", async () => {
    await addChannels(test.database, workspaceId, 3);
    const reservationId = await reserveChannels(2);
    let waiting: Promise<unknown> = Promise.resolve();
    await test.database.transaction(async (tx) => {
      await gate(tx, { reservationId, session: asUser(workspaceId) });
      waiting = failureOf(addChannels(test.database, workspaceId, 1));
      await tx.query("select pg_sleep(0.2)");
      await addChannels(tx, workspaceId, 2);
    });
    expect(await waiting).toMatchObject({ code: "23U01" });
    expect(await usedOf(test.database, workspaceId, "channels")).toBe(5);
  });

  it("refuses an expired reservation and one of another workspace", async () => {
    const reservationId = await reserveChannels(2);
    const other = await createWorkspace(test.database);
    const foreign = await failureOf(gate(test.database, { reservationId, session: asUser(other) }));
    expect(JSON.parse(foreign.detail)).toMatchObject({ code: "reservation-not-found", metric: null });
    await letExpire(test.database, reservationId);
    const late = await failureOf(gate(test.database, { reservationId, session: asUser(workspaceId) }));
    expect(JSON.parse(late.detail)).toMatchObject({ code: "reservation-expired" });
  });
});
