import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";

import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { setLimit } from "../../support/workspaces.ts";
import { ask, askOne, createWorkspace, usedOf } from "./gate-support.ts";
import { waitFor } from "../../support/wait-for.ts";

let test: TestDatabase;
let workspaceId: string;

beforeAll(async () => {
  test = await createTestDatabase({ maxConnections: 16 });
});
afterAll(() => test.drop());
beforeEach(async () => {
  workspaceId = await createWorkspace(test.database);
});

const consume = (amount: number | null, idempotencyKey: string) => ({
  op: "consume",
  workspaceId,
  metric: "ai_queries",
  amount,
  idempotencyKey,
});

describe("usage.gate_many: idempotency", () => {
  it("gives the first answer again and counts once", async () => {
    const first = await askOne(test.database, consume(5, "key"));
    await askOne(test.database, consume(1, "another"));
    expect(await askOne(test.database, consume(5, "key"))).toEqual(first);
    expect(await usedOf(test.database, workspaceId, "ai_queries")).toBe(6);
  });

  it("gives a denial again too, even when there is headroom by now", async () => {
    const first = await askOne(test.database, consume(101, "key"));
    expect(first.reason).toBe("usage-limit-exceeded");
    await setLimit(test.database, workspaceId, "ai_queries", 1_000);
    expect(await askOne(test.database, consume(101, "key"))).toEqual(first);
    expect((await askOne(test.database, consume(101, "fresh"))).allowed).toBe(true);
  });

  it("takes the defaults into the content: null and one are the same amount", async () => {
    const first = await askOne(test.database, consume(null, "key"));
    expect(await askOne(test.database, consume(1, "key"))).toEqual(first);
  });

  it.each([
    ["amount", { amount: 6 }],
    ["metric", { metric: "api_calls" }],
    ["op", { op: "reserve" }],
  ])("refuses other content under the same key: %s", async (_, change) => {
    await askOne(test.database, consume(5, "key"));
    const decision = await askOne(test.database, { ...consume(5, "key"), ...change });
    expect(decision).toMatchObject({ allowed: false, reason: "idempotency-conflict" });
    expect(await usedOf(test.database, workspaceId, "ai_queries")).toBe(5);
    expect(await usedOf(test.database, workspaceId, "api_calls")).toBe(0);
  });

  it("keeps the keys of two workspaces apart", async () => {
    const other = await createWorkspace(test.database);
    await askOne(test.database, consume(5, "key"));
    expect(await askOne(test.database, { ...consume(7, "key"), workspaceId: other })).toMatchObject({
      allowed: true,
      used: 7,
    });
  });

  it("holds inside one array, in its order", async () => {
    const answers = await ask(test.database, [
      consume(5, "key"),
      consume(5, "key"),
      consume(6, "key"),
      consume(2, "b"),
    ]);
    expect(answers.map(({ reason, used }) => [reason, used])).toEqual([
      [null, 5],
      [null, 5],
      ["idempotency-conflict", null],
      [null, 7],
    ]);
  });

  it("executes once when sixteen clients send the same key at once", async () => {
    const answers = await Promise.all(
      Array.from({ length: 16 }, () => askOne(test.database, consume(3, "same"))),
    );
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    expect(await usedOf(test.database, workspaceId, "ai_queries")).toBe(3);
  });

  it("lets a second client execute when the first one rolls back", async () => {
    const isWaiting = async (): Promise<boolean> => {
      const waiting = await test.database.query(
        "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
      );
      return waiting.length > 0;
    };
    let second: ReturnType<typeof askOne> | undefined;
    const rolledBack = test.database.transaction(async (tx) => {
      await askOne(tx, consume(3, "key"));
      second = askOne(test.database, consume(3, "key"));
      await waitFor("the second client to wait for the first", isWaiting);
      throw new Error("given up");
    });
    await expect(rolledBack).rejects.toThrow("given up");
    expect(await second).toMatchObject({ allowed: true, used: 3 });
    expect(await askOne(test.database, consume(3, "key"))).toMatchObject({ allowed: true, used: 3 });
    expect(await usedOf(test.database, workspaceId, "ai_queries")).toBe(3);
  });

  it("records every decision with a key once, and forgets it after 34 days", async () => {
    await askOne(test.database, consume(5, "allowed"));
    await askOne(test.database, consume(500, "refused"));
    const rows = await test.database.query(
      `select idempotency_key, op, metric, amount, allowed, answer ->> 'reason' as reason
       from usage.ledger
       where workspace_id = $1
       order by idempotency_key`,
      [workspaceId],
    );
    expect(rows).toEqual([
      {
        idempotency_key: "allowed",
        op: "consume",
        metric: "ai_queries",
        amount: "5",
        allowed: true,
        reason: null,
      },
      {
        idempotency_key: "refused",
        op: "consume",
        metric: "ai_queries",
        amount: "500",
        allowed: false,
        reason: "usage-limit-exceeded",
      },
    ]);

    await test.database.query(
      "update usage.ledger set created_at = now() - interval '33 days' where workspace_id = $1",
      [workspaceId],
    );
    await test.database.query("select usage.prune(now())");
    expect(await askOne(test.database, consume(5, "allowed"))).toMatchObject({ used: 5 });

    await test.database.query(
      "update usage.ledger set created_at = now() - interval '35 days' where workspace_id = $1",
      [workspaceId],
    );
    expect(await askOne(test.database, consume(5, "allowed"))).toMatchObject({ used: 10 });
    await test.database.query("select usage.prune(now())");
    const kept = await test.database.query(
      "select idempotency_key from usage.ledger where workspace_id = $1",
      [workspaceId],
    );
    expect(kept).toEqual([{ idempotency_key: "allowed" }]);
  });

  it("keeps nothing of a deleted workspace", async () => {
    await askOne(test.database, consume(90, "key"));
    await test.database.query(
      "insert into usage.api_calls (workspace_id, hour, count) values ($1, date_trunc('hour', now()), 1)",
      [workspaceId],
    );
    await test.database.query("delete from public.workspaces where id = $1", [workspaceId]);
    for (const table of ["ledger", "alerts", "counters", "api_calls"]) {
      expect(
        await test.database.query(`select from usage.${table} where workspace_id = $1`, [workspaceId]),
      ).toEqual([]);
    }
  });
});
