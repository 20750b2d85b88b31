import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { connect } from "node:net";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { AppError, systemClock } from "../../../src/core/index.ts";
import { createGate, type Gate } from "../../../src/domain/gate/index.ts";
import { createDatabase } from "../../../src/postgres/index.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { waitFor } from "../../support/wait-for.ts";
import { createWorkspace, setLimit } from "../../support/workspaces.ts";
import { ask, ok, type RunningGates, startGates } from "./plan-gates-support.ts";

let test: TestDatabase;
let running: RunningGates;
let workspace: string;
/** Fails what it names, as a database that has gone away in the middle of a request does. */
let gone: string | null = null;

interface Level {
  readonly used: number;
  readonly reserved: number;
}

const level = async (metric = "ai_queries"): Promise<Level> => {
  const [row] = await test.database.query<Level>(
    `select used::integer as used, reserved::integer as reserved
     from usage.current
     where workspace_id = $1
       and metric = $2`,
    [workspace, metric],
  );
  return row ?? { used: -1, reserved: -1 };
};

const outage = (): AppError =>
  new AppError({
    kind: "unavailable",
    code: "database-unavailable",
    message: "The database cannot be reached.",
  });

/** Handlers that wait until the test lets them go. */
const waiting = new Map<string, () => void>();
const hold = (name: string): Promise<void> =>
  new Promise((resolve) => {
    waiting.set(name, resolve);
  });
const letGo = async (name: string): Promise<void> => {
  const go = await waitFor(`the handler ${name}`, () => waiting.get(name));
  waiting.delete(name);
  go();
};

beforeAll(async () => {
  test = await createTestDatabase();
  const real = createGate({ database: test.database, clock: systemClock });
  const gate: Gate = {
    decide: (request) => (gone === request.op ? Promise.reject(outage()) : real.decide(request)),
  };
  running = await startGates({
    database: test.database,
    gate,
    routes: (app, gates) => {
      app.get("/check", gates.checkUsageLimit("ai_queries"), ok);
      app.get("/check-20", gates.checkUsageLimit("ai_queries", { amount: () => 20n }), ok);
      app.post("/consume", gates.checkUsageLimit("ai_queries", { mode: "consume" }), ok);
      app.post(
        "/keyed",
        gates.checkUsageLimit("ai_queries", {
          mode: "consume",
          amount: (request) => Number(request.query["amount"] ?? 1),
          idempotencyKey: (request) => request.header("idempotency-key") ?? null,
        }),
        ok,
      );
      app.post("/messages", gates.checkUsageLimit("messages", { mode: "consume" }), ok);
      app.get("/unknown", gates.checkUsageLimit("no_such_metric"), ok);
      const reserve = gates.checkUsageLimit("ai_queries", { mode: "reserve", amount: 4 });
      app.post("/reserve", reserve, async (request, response) => {
        const status = Number(request.query["status"] ?? 200);
        if (typeof request.query["wait"] === "string") await hold(request.query["wait"]);
        response
          .status(status)
          .set("x-work", "done")
          .json({ ok: status < 400, level: await level() });
      });
      app.post("/reserve-throws", reserve, () => {
        throw new Error("the handler failed");
      });
      app.post("/reserve-streams", reserve, async (_request, response) => {
        response.write('{"ok":');
        await hold("stream");
        response.end("true}");
      });
      app.post(
        "/tokens",
        gates.checkUsageLimit("ai_queries", {
          mode: "reserve",
          amount: 10,
          usedAmount: (request) => BigInt(String(request.query["used"])),
        }),
        ok,
      );
      app.post(
        "/reserve-open",
        gates.checkUsageLimit("ai_queries", { mode: "reserve", onOutage: "allow" }),
        ok,
      );
      app.post(
        "/twice",
        gates.checkUsageLimit("ai_queries", { mode: "reserve", amount: 1 }),
        gates.checkUsageLimit("ai_seconds", { mode: "reserve", amount: 5 }),
        ok,
      );
    },
  });
});
afterAll(async () => {
  await running.stop();
  await test.drop();
});
beforeEach(async () => {
  gone = null;
  workspace = (await createWorkspace(test.database)).id;
  await setLimit(test.database, workspace, "ai_queries", 10);
});

const post = (path: string, headers: Record<string, string> = {}) =>
  ask(`${running.url}${path}`, workspace, { method: "POST", headers });

describe("checkUsageLimit", () => {
  it("checks without counting, and tells what is left in the fields of the draft", async () => {
    const { status, headers } = await ask(`${running.url}/check`, workspace);
    expect(status).toBe(200);
    expect(headers.get("ratelimit-policy")).toBe('"ai_queries";q=10');
    expect(headers.get("ratelimit")).toMatch(/^"ai_queries";r=\d+;t=\d+$/u);
    expect(headers.get("x-usage-warning")).toBeNull();
    expect(await level()).toEqual({ used: 0, reserved: 0 });
  });

  it("refuses with 429 an amount that does not fit, with the figures and when there is more", async () => {
    expect((await post("/keyed?amount=10")).status).toBe(200);
    const { status, headers, body } = await ask(`${running.url}/check`, workspace);
    expect(status).toBe(429);
    expect(Number(headers.get("retry-after"))).toBeGreaterThan(0);
    expect(body).toMatchObject({
      code: "usage-limit-exceeded",
      reason: "limit of 10 ai_queries reached: 10 used, 1 more requested",
      gate: "usage",
      currentPlan: { id: "free" },
      retryAfterSeconds: Number(headers.get("retry-after")),
      details: { kind: "usage", metric: "ai_queries", amount: 1, used: 10, limit: 10, remaining: 0 },
    });
  });

  it("names no time to come back at where waiting does not help", async () => {
    const { status, headers, body } = await ask(`${running.url}/check-20`, workspace);
    expect([status, headers.get("retry-after"), body.retryAfterSeconds]).toEqual([429, null, null]);
    expect(body.upgrade?.planId).toBeDefined();
  });

  it("lets exactly the limit through, whoever asks at once, and warns from 90 percent on", async () => {
    const answers = await Promise.all(Array.from({ length: 25 }, () => post("/consume")));
    const statuses = answers.map(({ status }) => status).sort();
    expect(statuses).toEqual([...Array<number>(10).fill(200), ...Array<number>(15).fill(429)]);
    expect(await level()).toEqual({ used: 10, reserved: 0 });
    const warned = answers.filter(({ headers, status }) => status === 200 && headers.has("x-usage-warning"));
    expect(warned.map(({ headers }) => headers.get("x-usage-percentage")).sort()).toEqual(["100", "90"]);
    expect(warned.map(({ headers }) => headers.get("x-usage-limit"))).toEqual(["10", "10"]);
  });

  it("counts a repeat with the same key once and refuses the key with other content", async () => {
    const key = { "idempotency-key": randomUUID() };
    expect((await post("/keyed", key)).status).toBe(200);
    expect((await post("/keyed", key)).status).toBe(200);
    expect(await level()).toEqual({ used: 1, reserved: 0 });
    expect(await post("/keyed?amount=2", key)).toMatchObject({
      status: 409,
      body: { code: "idempotency-conflict" },
    });
    expect(await post("/keyed?amount=-3")).toMatchObject({ status: 400, body: { code: "invalid-input" } });
  });

  it("refuses an unknown metric, and fails loudly where rows count themselves already", async () => {
    expect(await ask(`${running.url}/unknown`, workspace)).toMatchObject({
      status: 403,
      body: { code: "unknown-metric", upgrade: null },
    });
    expect(await post("/messages")).toMatchObject({ status: 500, body: { code: "row-metered" } });
  });
});

describe("a hold around the handler", () => {
  it("is held while the handler runs and counted before the client has the whole answer", async () => {
    const answer = await post("/reserve");
    expect(answer).toMatchObject({ status: 200, body: { ok: true, level: { used: 0, reserved: 4 } } });
    expect(await level()).toEqual({ used: 4, reserved: 0 });
  });

  it("is given back when the answer is 400 or above, and when the handler throws", async () => {
    expect((await post("/reserve?status=404")).status).toBe(404);
    expect((await post("/reserve-throws")).status).toBe(500);
    expect(await level()).toEqual({ used: 0, reserved: 0 });
  });

  it("counts what was used of it, and nothing where that is nothing", async () => {
    expect((await post("/tokens?used=3")).status).toBe(200);
    expect(await level()).toEqual({ used: 3, reserved: 0 });
    expect((await post("/tokens?used=0")).status).toBe(429);
    await setLimit(test.database, workspace, "ai_queries", 100);
    expect((await post("/tokens?used=0")).status).toBe(200);
    expect(await level()).toEqual({ used: 3, reserved: 0 });
  });

  it("never lets more through than fits, however many run at once", async () => {
    const answers = await Promise.all(Array.from({ length: 8 }, () => post("/reserve")));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(2);
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(6);
    expect(await level()).toEqual({ used: 8, reserved: 0 });
  });

  it("is given back when the client goes away first", async () => {
    const abort = new AbortController();
    const asked = fetch(`${running.url}/reserve?wait=abandoned`, {
      method: "POST",
      headers: { "x-session": workspace },
      signal: abort.signal,
    });
    await waitFor("the hold", () => waiting.has("abandoned"));
    expect(await level()).toEqual({ used: 0, reserved: 4 });
    abort.abort();
    await expect(asked).rejects.toThrow();
    await waitFor("the release", async () => (await level()).reserved === 0);
    await letGo("abandoned");
    expect(await level()).toEqual({ used: 0, reserved: 0 });
  });

  it("keeps the end of a stream back until it is counted", async () => {
    const response = await fetch(`${running.url}/reserve-streams`, {
      method: "POST",
      headers: { "x-session": workspace },
    });
    expect(await level()).toEqual({ used: 0, reserved: 4 });
    await letGo("stream");
    expect(await response.json()).toEqual({ ok: true });
    expect(await level()).toEqual({ used: 4, reserved: 0 });
  });

  it("replaces an answer whose hold is over by then", async () => {
    const asked = post("/reserve?wait=late");
    await waitFor("the hold", () => waiting.has("late"));
    await test.database.query(
      "update usage.reservations set created_at = now() - interval '2 hours', expires_at = now() - interval '1 hour' where workspace_id = $1",
      [workspace],
    );
    await letGo("late");
    const { status, headers, body } = await asked;
    expect({ status, code: body.code }).toEqual({ status: 409, code: "reservation-expired" });
    expect(headers.get("x-work")).toBe("done");
    expect((await level()).used).toBe(0);
  });

  it("counts on every hold of a route with two", async () => {
    await setLimit(test.database, workspace, "ai_seconds", 100);
    expect((await post("/twice")).status).toBe(200);
    expect([await level(), await level("ai_seconds")]).toEqual([
      { used: 1, reserved: 0 },
      { used: 5, reserved: 0 },
    ]);
  });
});

describe("an outage", () => {
  it("refuses with 503 unless a gate says otherwise, and shows what it let through", async () => {
    gone = "reserve";
    const refused = await post("/reserve");
    expect(refused).toMatchObject({ status: 503, body: { code: "database-unavailable" } });
    expect(refused.headers.get("retry-after")).toBe("1");
    const events = running.events.length;
    const warnings = running.warnings.length;
    const passed = await post("/reserve-open");
    expect(passed).toMatchObject({ status: 200, body: { ok: true } });
    expect(passed.headers.get("x-plan-gate-outage")).toBe("usage");
    expect(running.events.slice(events)).toEqual([
      { gate: "usage", outcome: "outage-allowed", code: "database-unavailable", workspaceId: workspace },
    ]);
    expect(running.warnings).toHaveLength(warnings + 1);
  });

  it("between hold and commit never ends in an answer that was not counted", async () => {
    gone = "commit";
    expect(await post("/reserve")).toMatchObject({ status: 503, body: { code: "database-unavailable" } });
    expect((await level()).used).toBe(0);
    const passed = await post("/reserve-open");
    expect(passed.status).toBe(200);
    expect(passed.headers.get("x-plan-gate-outage")).toBe("usage");
  });

  it("cuts off a stream that it can no longer replace", async () => {
    gone = "commit";
    const response = await fetch(`${running.url}/reserve-streams`, {
      method: "POST",
      headers: { "x-session": workspace },
    });
    await letGo("stream");
    await expect(response.text()).rejects.toThrow();
  });

  it("of the real database is an outage for every gate, and never a denial", async () => {
    const nowhere = createDatabase({
      connectionString: "postgres://nobody@127.0.0.1:1/none",
      connectTimeoutMs: 500,
    });
    const cut = await startGates({
      database: nowhere,
      routes: (app, gates) => {
        app.get("/feature", gates.requireFeature("webhooks"), ok);
        app.get("/plan", gates.requireMinimumPlan("pro"), ok);
        app.get("/usage", gates.checkUsageLimit("ai_queries"), ok);
        app.get("/size", gates.checkFileUploadSize(), ok);
        app.get("/open", gates.requireFeature("webhooks", { onOutage: "allow" }), ok);
      },
    });
    try {
      for (const path of ["feature", "plan", "usage", "size"]) {
        expect(await ask(`${cut.url}/${path}`, workspace)).toMatchObject({
          status: 503,
          body: { code: "database-unavailable" },
        });
      }
      const open = await ask(`${cut.url}/open`, workspace);
      expect([open.status, open.headers.get("x-plan-gate-outage")]).toEqual([200, "feature"]);
    } finally {
      await cut.stop();
      await nowhere.close();
    }
  });
});

it("survives a client that resets its connection in the middle of a hold", async () => {
  const socket = connect(Number(new URL(running.url).port), "127.0.0.1");
  await once(socket, "connect");
  socket.write(
    `POST /reserve?wait=reset HTTP/1.1\r\nhost: x\r\nx-session: ${workspace}\r\ncontent-length: 0\r\n\r\n`,
  );
  await waitFor("the hold", () => waiting.has("reset"));
  socket.resetAndDestroy();
  await waitFor("the release", async () => (await level()).reserved === 0);
  await letGo("reset");
  expect((await post("/consume")).status).toBe(200);
});
