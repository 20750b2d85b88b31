import { afterAll, beforeAll, beforeEach, expect, it } from "@jest/globals";
import { parseRateLimit } from "ratelimit-header-parser";
import { AppError, systemClock } from "../../../src/core/index.ts";
import { createMemoryStore, type RateStore } from "../../../src/domain/rate-limit/index.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { createWorkspace, setLimit } from "../../support/workspaces.ts";
import { ask, ok, type RunningGates, startGates } from "./plan-gates-support.ts";

let test: TestDatabase;
let running: RunningGates;
let workspace: string;
let elapsedMs = 0;
let store: "works" | "local" | "gone" = "works";

beforeAll(async () => {
  test = await createTestDatabase();
  await test.database.query("update billing.plans set rate_limit_per_minute = 5 where id = 'free'");
  const memory = createMemoryStore({
    clock: { ...systemClock, schedule: () => () => undefined },
    elapsedMs: () => elapsedMs,
  });
  const rateStore: RateStore = {
    take: async (request) => {
      if (store === "gone") {
        throw new AppError({
          kind: "unavailable",
          code: "rate-limit-unavailable",
          message: "Redis is gone.",
        });
      }
      const answer = await memory.take(request);
      return store === "local" ? { ...answer, store: "local" } : answer;
    },
    giveBack: (request, answer) => memory.giveBack(request, answer),
  };
  running = await startGates({
    database: test.database,
    rateStore,
    routes: (app, gates) => {
      app.get("/one", gates.checkPlanRateLimit(), ok);
      app.get("/three", gates.checkPlanRateLimit({ cost: () => 3 }), ok);
      app.get("/nine", gates.checkPlanRateLimit({ cost: 9 }), ok);
      app.get("/open", gates.checkPlanRateLimit({ onOutage: "allow" }), ok);
    },
  });
});
afterAll(async () => {
  await running.stop();
  await test.drop();
});
beforeEach(async () => {
  store = "works";
  elapsedMs += 120_000;
  workspace = (await createWorkspace(test.database)).id;
});

const get = (path: string) => ask(`${running.url}${path}`, workspace);

it("lets exactly the plan's requests a minute through, and says when there is more", async () => {
  const answers = await Promise.all(Array.from({ length: 9 }, () => get("/one")));
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(5);
  const refused = answers.find(({ status }) => status === 429);
  expect(refused?.headers.get("retry-after")).toBe("60");
  expect(refused?.body).toMatchObject({
    code: "rate-limited",
    gate: "rate",
    currentPlan: { id: "free" },
    upgrade: { planId: "starter" },
    retryAfterSeconds: 60,
    details: { kind: "rate", limit: 5, remaining: 0, windowSeconds: 60 },
  });
  elapsedMs += 60_000;
  expect((await get("/one")).status).toBe(200);
});

it("counts what a request weighs, and nothing for one that is refused", async () => {
  expect((await get("/three")).status).toBe(200);
  expect((await get("/three")).status).toBe(429);
  expect((await get("/one")).status).toBe(200);
  expect((await get("/one")).status).toBe(200);
  expect((await get("/one")).status).toBe(429);
  const never = await get("/nine");
  expect([never.status, never.headers.get("retry-after")]).toEqual([429, null]);
});

it("follows a change of plan at once", async () => {
  for (let asked = 0; asked < 5; asked += 1) await get("/one");
  expect((await get("/one")).status).toBe(429);
  await test.database.query(
    "insert into billing.subscriptions (workspace_id, plan_id) values ($1, 'starter')",
    [workspace],
  );
  expect(await get("/one")).toMatchObject({ status: 200 });
});

it("obeys an override, one without a limit included", async () => {
  await setLimit(test.database, workspace, "requests_per_minute", 1);
  expect([(await get("/one")).status, (await get("/one")).status]).toEqual([200, 429]);
  await test.database.query("delete from billing.limit_overrides where workspace_id = $1", [workspace]);
  await setLimit(test.database, workspace, "requests_per_minute", null);
  const free = await get("/one");
  expect([free.status, free.headers.get("ratelimit")]).toEqual([200, null]);
});

it("writes its fields so that a parser of the draft reads them", async () => {
  const { headers } = await get("/three");
  expect(headers.get("ratelimit-policy")).toBe('"requests";q=5;w=60');
  expect(headers.get("ratelimit")).toBe('"requests";r=2;t=60');
  const old = new Headers();
  for (const name of ["limit", "remaining", "reset"]) {
    old.set(`x-ratelimit-${name}`, headers.get(`x-ratelimit-${name}`) ?? "");
  }
  expect(parseRateLimit(old)).toMatchObject({ limit: 5, remaining: 2, used: 3, reset: expect.any(Date) });
});

it("shows in the answer when a store stands in, and refuses or lets through when none can answer", async () => {
  store = "local";
  const local = await get("/one");
  expect([local.status, local.headers.get("x-plan-gate-outage")]).toEqual([200, "rate"]);
  store = "gone";
  expect(await get("/one")).toMatchObject({ status: 503, body: { code: "rate-limit-unavailable" } });
  const open = await get("/open");
  expect([open.status, open.headers.get("x-plan-gate-outage")]).toEqual([200, "rate"]);
});
