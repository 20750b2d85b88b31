import { fork } from "node:child_process";
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { silentLogger, systemClock } from "../../../src/core/index.ts";
import { createGate } from "../../../src/domain/gate/index.ts";
import { createLeases, leaseHolder, type LeaseSettings } from "../../../src/domain/lease/index.ts";
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

const limited = async (limit: number | null): Promise<string> => {
  const { id } = await createWorkspace(test.database);
  await setLimit(test.database, id, "api_calls", limit);
  return id;
};

const newLeases = (settings: Partial<LeaseSettings> = {}) =>
  createLeases({
    database: test.database,
    clock: systemClock,
    logger: silentLogger,
    holder: leaseHolder(),
    settings,
  });

interface Level {
  readonly used: number;
  readonly reserved: number;
}

const levelOf = async (workspaceId: string): Promise<Level> => {
  const [row] = await test.database.query<{ used: string; reserved: string }>(
    "select used, reserved from usage.current where workspace_id = $1 and metric = 'api_calls'",
    [workspaceId],
  );
  return { used: Number(row?.used), reserved: Number(row?.reserved) };
};

describe("leases of many workspaces", () => {
  it("are drawn together, each answered for itself", async () => {
    const { database } = test;
    let statements = 0;
    const counting = {
      query: (...given: Parameters<typeof database.query>) => {
        statements += 1;
        return database.query(...given);
      },
    } as typeof database;
    const leases = createLeases({
      database: counting,
      clock: systemClock,
      logger: silentLogger,
      holder: leaseHolder(),
    });
    const open = await Promise.all(Array.from({ length: 60 }, () => limited(5)));
    const closed = await limited(0);
    const decisions = await Promise.all(
      [...open, closed, randomUUID()].map((id) => leases.take(id, "api_calls", 1)),
    );
    expect(decisions.map(({ allowed, reason }) => (allowed ? "" : reason))).toEqual([
      ...open.map(() => ""),
      "usage-limit-exceeded",
      "workspace-forbidden",
    ]);
    expect(statements).toBeLessThanOrEqual(8);
    await leases.stop();
    expect(await Promise.all(open.map(levelOf))).toEqual(open.map(() => ({ used: 1, reserved: 0 })));
  });
});

describe("leases of several processes", () => {
  it("let exactly the limit through, give back what they hold, and agree with the ledger of additions", async () => {
    const limit = 3_000;
    const workspaceId = await limited(limit);
    const processes = [newLeases(), newLeases(), newLeases()];
    const askers = Array.from({ length: 24 }, (_, n) => processes[n % 3] as (typeof processes)[number]);
    const counts = await Promise.all(
      askers.map(async (leases, n) => {
        let taken = 0;
        for (let asked = 0; asked < (3 * limit) / askers.length; asked += 1) {
          const amount = 1 + (n % 3);
          if ((await leases.take(workspaceId, "api_calls", amount)).allowed) taken += amount;
        }
        return taken;
      }),
    );
    const first = counts.reduce((sum, count) => sum + count, 0);
    expect(first).toBeLessThanOrEqual(limit);
    await Promise.all(processes.map((leases) => leases.stop()));
    expect(await levelOf(workspaceId)).toEqual({ used: first, reserved: 0 });

    const last = newLeases();
    let rest = 0;
    while ((await last.take(workspaceId, "api_calls", 1)).allowed) rest += 1;
    await last.stop();
    expect(first + rest).toBe(limit);
    expect(await levelOf(workspaceId)).toEqual({ used: limit, reserved: 0 });
    expect(await test.database.query("select * from usage.reconcile($1)", [workspaceId])).toEqual([]);
  });

  it("mostly answer without the database", async () => {
    const workspaceId = await limited(null);
    let draws = 0;
    const leases = createLeases({
      database: {
        query: (text, values, options) => {
          draws += 1;
          return test.database.query(text, values, options);
        },
      },
      clock: systemClock,
      logger: silentLogger,
      holder: leaseHolder(),
    });
    for (let asked = 0; asked < 5_000; asked += 1) await leases.take(workspaceId, "api_calls", 1);
    await leases.stop();
    expect(draws).toBeLessThan(60);
    expect(await levelOf(workspaceId)).toEqual({ used: 5_000, reserved: 0 });
  });

  it("obey a limit that falls from the next draw on, and give back when they idle", async () => {
    const workspaceId = await limited(100_000);
    const leases = newLeases({ maxStep: 16, idleMs: 50 });
    for (let asked = 0; asked < 200; asked += 1) await leases.take(workspaceId, "api_calls", 1);
    await setLimit(test.database, workspaceId, "api_calls", 10);
    let late = 0;
    while ((await leases.take(workspaceId, "api_calls", 1)).allowed) late += 1;
    expect(late).toBeLessThanOrEqual(32);
    await waitFor("the lease to be given back", async () => (await levelOf(workspaceId)).reserved === 0);
    expect((await levelOf(workspaceId)).used).toBe(200 + late);
    await leases.stop();
  });

  it("hold no reservation that a caller could commit or release", async () => {
    const workspaceId = await limited(100_000);
    const leases = newLeases({ idleMs: 60_000 });
    for (let asked = 0; asked < 50; asked += 1) await leases.take(workspaceId, "api_calls", 1);
    const [held] = await test.database.query<{ id: string }>(
      "select id from usage.reservations where workspace_id = $1 and status = 'held'",
      [workspaceId],
    );
    expect(held).toBeDefined();
    const gate = createGate({ database: test.database, clock: systemClock });
    for (const op of ["commit", "release"] as const)
      expect(await gate.decide({ op, workspaceId, reservationId: held?.id ?? "" })).toMatchObject({
        allowed: false,
        reason: "reservation-not-found",
      });
    await leases.stop();
    expect(await levelOf(workspaceId)).toEqual({ used: 50, reserved: 0 });
  });

  it("are passed by where the metric is not leased, the workspace unknown, or the key has to be kept", async () => {
    const workspaceId = await limited(5);
    const leases = newLeases();
    const gate = createGate({ database: test.database, clock: systemClock, leases });
    const consume = (metric: string, idempotencyKey?: string, of = workspaceId) =>
      gate.decide({
        op: "consume",
        workspaceId: of,
        metric,
        amount: "1",
        ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
      });
    expect(await consume("api_calls")).toMatchObject({ allowed: true, used: 1, limit: 5 });
    expect(await consume("api_calls", "k")).toMatchObject({ allowed: true });
    expect(await consume("api_calls", "k")).toMatchObject({ allowed: true });
    expect(await consume("ai_queries")).toMatchObject({ allowed: true, used: 1 });
    expect(await consume("api_calls", undefined, "00000000-0000-4000-8000-00000000dead")).toMatchObject({
      allowed: false,
      reason: "workspace-forbidden",
    });
    await test.database.query("update usage.metrics set leased = false where key = 'api_calls'");
    expect(await consume("api_calls")).toMatchObject({ allowed: true });
    await test.database.query("update usage.metrics set leased = true where key = 'api_calls'");
    for (let asked = 0; asked < 2; asked += 1) await consume("api_calls");
    expect(await consume("api_calls")).toMatchObject({
      allowed: false,
      reason: "usage-limit-exceeded",
      upgrade: { planId: expect.any(String) },
    });
    await leases.stop();
    expect(await levelOf(workspaceId)).toEqual({ used: 5, reserved: 0 });
  });

  it("of a killed process come back by their time, with every answer counted and at most a step too many", async () => {
    const workspaceId = await limited(1_000_000);
    const child = fork(join("tests", "integration", "domain", "lease-child.ts"), [], {
      execArgv: ["--import", "tsx"],
      env: { ...process.env, LEASE_DATABASE_URL: test.url, LEASE_WORKSPACE: workspaceId },
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    let answered = 0;
    child.on("message", (count) => (answered = Number(count)));
    const ended = new Promise((resolve) => child.once("exit", resolve));
    await waitFor("answers", () => answered > 2_000);
    child.kill("SIGKILL");
    await ended;
    const { used } = await levelOf(workspaceId);
    expect(used).toBeGreaterThanOrEqual(answered);
    expect(used - answered).toBeLessThanOrEqual(2 * 100);
    await waitFor("the hold to end by its time", async () => (await levelOf(workspaceId)).reserved === 0);
  });
});
