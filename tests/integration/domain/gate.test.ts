import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { type Queryable, systemClock } from "../../../src/core/index.ts";
import { createGate } from "../../../src/domain/gate/index.ts";
import { createDatabase } from "../../../src/postgres/index.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { waitFor } from "../../support/wait-for.ts";
import { createWorkspace, setLimit } from "../../support/workspaces.ts";

let test: TestDatabase;

beforeAll(async () => {
  test = await createTestDatabase({ maxConnections: 16 });
});

afterAll(async () => {
  await test.drop();
});

/** The gate, and how many requests each of its calls carried. */
const setUp = () => {
  const sizes: number[] = [];
  const database: Queryable = {
    query: (text, values, options) => {
      sizes.push((JSON.parse(String(values?.[0])) as unknown[]).length);
      return test.database.query(text, values, options);
    },
  };
  return { gate: createGate({ database, clock: systemClock }), sizes };
};

const usedOf = async (workspaceId: string): Promise<number> => {
  const [row] = await test.database.query<{ used: string }>(
    "select used from usage.current where workspace_id = $1 and metric = 'ai_queries'",
    [workspaceId],
  );
  return Number(row?.used);
};

const waiters = async (): Promise<readonly { pid: number }[]> =>
  test.database.query(
    "select pid from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' and query like '%gate_many%'",
  );

/** Holds the counter of a workspace until the returned function is called. */
const holdCounter = async (workspaceId: string): Promise<() => Promise<void>> => {
  let letGo = (): void => undefined;
  const held = new Promise<void>((resolve) => (letGo = resolve));
  let isHeld = (): void => undefined;
  const holding = new Promise<void>((resolve) => (isHeld = resolve));
  const transaction = test.database.transaction(async (tx) => {
    await tx.query("select 1 from usage.counters where workspace_id = $1 for update", [workspaceId]);
    isHeld();
    await held;
  });
  await holding;
  return async () => {
    letGo();
    await transaction;
  };
};

describe("the gate of a process", () => {
  it("decides in one call what arrives while a call is in flight, and stays exact, idempotent and recorded", async () => {
    const { id: workspaceId } = await createWorkspace(test.database);
    await setLimit(test.database, workspaceId, "ai_queries", 40);
    const { gate, sizes } = setUp();
    const consume = (key: string) =>
      gate.decide({ op: "consume", workspaceId, metric: "ai_queries", amount: "1", idempotencyKey: key });
    await consume("k0");
    const letGo = await holdCounter(workspaceId);
    const asked = Array.from({ length: 60 }, (_, n) => consume(`k${String(n)}`));
    const twice = Array.from({ length: 60 }, (_, n) => consume(`k${String(n)}`));
    await waitFor("the call in flight", async () => (await waiters()).length > 0);
    await letGo();
    const answers = await Promise.all(asked);
    expect(await Promise.all(twice)).toEqual(answers);
    expect(answers.filter(({ allowed }) => allowed)).toHaveLength(40);
    expect(await usedOf(workspaceId)).toBe(40);
    expect(sizes).toEqual([1, 1, 64, 55]);
    const [ledger] = await test.database.query<{ rows: string; allowed: string }>(
      "select count(*) as rows, count(*) filter (where allowed) as allowed from usage.ledger where workspace_id = $1",
      [workspaceId],
    );
    expect(ledger).toEqual({ rows: "60", allowed: "40" });
  });

  it("lets no workspace wait for another's counter", async () => {
    const { id: held } = await createWorkspace(test.database);
    const { id: free } = await createWorkspace(test.database);
    const { gate } = setUp();
    const consume = (workspaceId: string) =>
      gate.decide({ op: "consume", workspaceId, metric: "ai_queries", amount: "1" });
    await consume(held);
    const letGo = await holdCounter(held);
    const stuck = consume(held);
    expect(await consume(free)).toMatchObject({ allowed: true, used: 1 });
    await letGo();
    expect(await stuck).toMatchObject({ allowed: true, used: 2 });
  });

  it("answers a lost connection as an unknown outcome, which the same key settles", async () => {
    const { id: workspaceId } = await createWorkspace(test.database);
    const { gate } = setUp();
    const consume = (idempotencyKey: string) =>
      gate.decide({ op: "consume", workspaceId, metric: "ai_queries", amount: "3", idempotencyKey });
    await consume("first");
    const letGo = await holdCounter(workspaceId);
    const lost = Promise.allSettled([consume("second")]);
    const [waiting] = await waitFor("the call in flight", async () => {
      const found = await waiters();
      return found.length > 0 && found;
    });
    await test.database.query("select pg_terminate_backend($1)", [waiting?.pid]);
    expect(await lost).toMatchObject([
      { status: "rejected", reason: { kind: "unavailable", code: "outcome-unknown" } },
    ]);
    await letGo();
    expect(await consume("second")).toMatchObject({ allowed: true, used: 6 });
    expect(await usedOf(workspaceId)).toBe(6);
  });

  it("says of a database that was never reached that nothing was counted", async () => {
    const url = new URL(test.url);
    url.pathname = `/missing_${randomUUID().slice(0, 8)}`;
    const database = createDatabase({ connectionString: url.href, maxConnections: 1 });
    const gate = createGate({ database, clock: systemClock });
    await expect(
      gate.decide({ op: "consume", workspaceId: randomUUID(), metric: "ai_queries", amount: "1" }),
    ).rejects.toMatchObject({ kind: "unavailable", code: "database-unavailable" });
    await database.close();
  });
});
