import { randomUUID } from "node:crypto";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { parseRateLimit } from "ratelimit-header-parser";
import { silentLogger } from "../../../src/core/index.ts";
import {
  createMemoryStore,
  createRateLimiter,
  createRateLimits,
  type MemoryStore,
  type RateLimits,
} from "../../../src/domain/rate-limit/index.ts";
import { createRateLimitStage, type GatewayStage } from "../../../src/gateway/index.ts";
import { createListener, type Listener } from "../../../src/postgres/index.ts";
import { createTestClock } from "../../../src/testing/index.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import {
  startTestGateway,
  startTestUpstream,
  testAdminSecret,
  testToken,
  type TestGateway,
  type TestUpstream,
} from "../../support/gateway.ts";
import { waitFor } from "../../support/wait-for.ts";
import { createWorkspace, type Workspace } from "../../support/workspaces.ts";

let test: TestDatabase;
let limits: RateLimits;
let listener: Listener;
let heard: string[] = [];

beforeAll(async () => {
  test = await createTestDatabase();
  const clock = createTestClock();
  limits = createRateLimits({ database: test.database, clock });
  listener = createListener({
    connectionString: test.url,
    channels: ["hasura_usage_limits"],
    onNotification: ({ payload }) => {
      limits.forget(payload === "*" ? undefined : payload);
      heard.push(payload);
    },
    onListening: () => limits.forget(),
    clock,
    logger: silentLogger,
  });
  await waitFor("the listener", () => listener.isListening());
}, 60_000);
afterAll(async () => {
  await listener.stop();
  await test.drop();
});

let upstream: TestUpstream;
let gateway: TestGateway;
let store: MemoryStore;
let workspace: Workspace;
let nowMs: number;
let later: GatewayStage["admit"];

beforeEach(async () => {
  nowMs = 5_000;
  heard = [];
  later = () => ({ allowed: true });
  const clock = createTestClock("2026-06-01T12:00:00Z");
  store = createMemoryStore({ clock, elapsedMs: () => nowMs });
  const limiter = createRateLimiter({ store, limits, settings: { perAddress: 3 } });
  upstream = await startTestUpstream();
  gateway = await startTestGateway({
    upstream: { kind: "url", url: upstream.url },
    stages: [
      createRateLimitStage({ limiter, clock, logger: silentLogger }),
      { name: "later", admit: (request) => later(request) },
    ],
  });
  workspace = await createWorkspace(test.database);
});
afterEach(async () => {
  await gateway.stop();
  await upstream.stop();
  store.stop();
});

/** Sets the limit and waits until the gateway has heard of it, as a person would see it act at once. */
const setRate = async (workspaceId: string, perMinute: number | null): Promise<void> => {
  await test.database.query("delete from billing.limit_overrides where workspace_id = $1", [workspaceId]);
  heard = [];
  await test.database.query(
    `insert into billing.limit_overrides (workspace_id, metric, limit_value, starts_at)
     values ($1, 'requests_per_minute', $2, now() - interval '1 hour')`,
    [workspaceId, perMinute],
  );
  await waitFor("the announcement", () => heard.includes(workspaceId));
};

const as = async ({ id, owner }: Workspace, userId = owner): Promise<Readonly<Record<string, string>>> => ({
  authorization: `Bearer ${await testToken({ "x-hasura-user-id": userId, "x-hasura-workspace-id": id })}`,
});

const ask = (headers: Readonly<Record<string, string>>, body: unknown = { query: "{ a }" }) =>
  fetch(`${gateway.url}/v1/graphql`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });

const statuses = async (
  times: number,
  headers: Readonly<Record<string, string>>,
): Promise<readonly number[]> => {
  const answers: number[] = [];
  for (let n = 0; n < times; n += 1) answers.push((await ask(headers)).status);
  return answers;
};

const allowedOf = (found: readonly number[]): number => found.filter((status) => status === 200).length;

describe("the rate limit of a plan", () => {
  it("lets exactly the plan's requests a minute through, free without a subscription", async () => {
    const headers = await as(workspace);
    const found = await Promise.all(Array.from({ length: 130 }, () => ask(headers)));
    expect(allowedOf(found.map(({ status }) => status))).toBe(100);
    expect(upstream.calls).toHaveLength(100);
    nowMs += 60_000;
    expect((await ask(headers)).status).toBe(200);
  });

  it("says in a refusal what is short, when it passes, and for whom", async () => {
    await setRate(workspace.id, 2);
    const headers = await as(workspace);
    await ask(headers);
    nowMs += 20_000;
    await ask(headers);
    const refused = await ask(headers);
    expect(refused.status).toBe(429);
    expect(await refused.json()).toEqual({
      errors: [
        {
          message: "too many requests: the limit is 2 units a minute for the workspace",
          extensions: {
            path: "$",
            code: "rate-limited",
            policy: "workspace",
            limit: 2,
            remaining: 0,
            cost: 1,
            windowSeconds: 60,
            retryAfterSeconds: 40,
            plan: "free",
          },
        },
      ],
    });
    expect(refused.headers.get("retry-after")).toBe("40");
    expect(refused.headers.get("ratelimit")).toBe(
      '"workspace";r=0;t=40;hu-limit=2;hu-remaining=0;hu-reset=40',
    );
    expect(refused.headers.get("ratelimit-policy")).toBe('"workspace";q=2;w=60');
    expect(refused.headers.get("x-ratelimit-reset")).toBe(String(Date.parse("2026-06-01T12:00:40Z") / 1000));
  });

  it("charges refused requests nothing", async () => {
    await setRate(workspace.id, 3);
    const headers = await as(workspace);
    expect(await statuses(8, headers)).toEqual([200, 200, 200, 429, 429, 429, 429, 429]);
    nowMs += 60_000;
    expect(allowedOf(await statuses(4, headers))).toBe(3);
  });

  it("gives back what a later stage refused", async () => {
    await setRate(workspace.id, 2);
    const headers = await as(workspace);
    later = () => ({ allowed: false, status: 403, code: "no", message: "no" });
    expect(await statuses(5, headers)).toEqual([403, 403, 403, 403, 403]);
    later = () => ({ allowed: true });
    expect(await statuses(3, headers)).toEqual([200, 200, 429]);
  });

  it("changes at once with an override, a subscription and the plan itself", async () => {
    const headers = await as(workspace);
    await setRate(workspace.id, 1);
    expect(await statuses(2, headers)).toEqual([200, 429]);
    await setRate(workspace.id, 2);
    expect(await statuses(2, headers)).toEqual([200, 429]);
    await test.database.query("delete from billing.limit_overrides where workspace_id = $1", [workspace.id]);
    await waitFor("the plan's limit", async () => {
      return (await ask(headers)).headers.get("x-ratelimit-limit") === "100";
    });
    await test.database.query(
      "insert into billing.subscriptions (workspace_id, plan_id, starts_at) values ($1, 'pro', now() - interval '1 day')",
      [workspace.id],
    );
    await waitFor("the subscription's limit", async () => {
      return (await ask(headers)).headers.get("x-ratelimit-limit") === "2000";
    });
    await test.database.query("update billing.plans set rate_limit_per_minute = 1999 where id = 'pro'");
    await waitFor("the changed plan's limit", async () => {
      return (await ask(headers)).headers.get("x-ratelimit-limit") === "1999";
    });
    await test.database.query("update billing.plans set rate_limit_per_minute = 2000 where id = 'pro'");
  });

  it("has no limit and no headers where it is unlimited, and lets nothing through at 0", async () => {
    const headers = await as(workspace);
    await setRate(workspace.id, null);
    const answer = await ask(headers);
    expect([answer.status, answer.headers.get("ratelimit")]).toEqual([200, null]);
    await setRate(workspace.id, 0);
    const refused = await ask(headers);
    expect(refused.status).toBe(429);
    expect(refused.headers.get("retry-after")).toBeNull();
    expect(refused.headers.get("ratelimit-policy")).toBe('"workspace";q=0;w=60');
  });

  it("keeps workspaces apart, and a share of one for its other users", async () => {
    const other = await createWorkspace(test.database);
    await setRate(workspace.id, 10);
    const ann = await as(workspace);
    const ben = await as(workspace, randomUUID());
    expect(allowedOf(await statuses(12, ann))).toBe(10);
    expect((await ask(await as(other))).status).toBe(200);
    expect((await ask(ben)).status).toBe(429);
    nowMs += 60_000;
    await ask(ben);
    expect(allowedOf(await statuses(12, ann))).toBe(8);
    const refused = await ask(ann);
    expect(refused.headers.get("ratelimit-policy")).toBe('"user";q=8;w=60, "workspace";q=10;w=60');
    expect(allowedOf(await statuses(3, ben))).toBe(1);
  });

  it("refuses a workspace that is not there", async () => {
    const refused = await ask(await as({ id: randomUUID(), owner: randomUUID() }));
    expect(refused.status).toBe(403);
    expect(await refused.json()).toMatchObject({ errors: [{ extensions: { code: "workspace-forbidden" } }] });
  });

  it("limits requests without identity by address, and not who holds the admin secret", async () => {
    expect(await statuses(5, {})).toEqual([200, 200, 200, 429, 429]);
    expect(await statuses(5, { "x-hasura-admin-secret": testAdminSecret })).toEqual(Array(5).fill(200));
  });

  it("weighs a document by its root fields and its depth, and a batch by its parts", async () => {
    await setRate(workspace.id, 100);
    const headers = await as(workspace);
    const cost = async (body: unknown): Promise<number> => {
      const left = async (answer: Promise<Response>) =>
        Number((await answer).headers.get("x-ratelimit-remaining"));
      const before = await left(ask(headers));
      return before - (await left(ask(headers, body)));
    };
    const nested = (levels: number): string => (levels === 0 ? "id" : `a { ${nested(levels - 1)} }`);
    expect(await cost({ query: "{ a { b } }" })).toBe(1);
    expect(await cost({ query: "{ a b c: a }" })).toBe(3);
    expect(await cost({ query: `{ ${nested(10)} }` })).toBe(3);
    expect(
      await cost({ query: `{ a { ${Array.from({ length: 450 }, (_, n) => `f${String(n)}`).join(" ")} } }` }),
    ).toBe(5);
    expect(await cost([{ query: "{ a }" }, { query: "{ a b }" }])).toBe(3);
    expect(await cost({ query: "{ nonsense" })).toBe(1);
    const huge = await ask(headers, {
      query: `{ ${Array.from({ length: 101 }, (_, n) => `f${String(n)}`).join(" ")} }`,
    });
    expect(huge.status).toBe(429);
    expect(huge.headers.get("retry-after")).toBeNull();
    expect(await huge.json()).toMatchObject({
      errors: [{ extensions: { code: "rate-limited", cost: 101, retryAfterSeconds: null } }],
    });
  });
});

describe("the fields of the answer", () => {
  /** Section 3 and 4 of the draft: lists of strings with the parameters r, t and q, w; whole numbers, none negative. */
  const item = (parameters: string) => `"[a-z]+"(?:${parameters})`;
  const limitField = new RegExp(`^(?:(?:, )?${item(";r=\\d+;t=\\d+(?:;hu-[a-z]+=\\d+)*")})+$`, "u");
  const policyField = new RegExp(`^(?:(?:, )?${item(";q=\\d+;w=60")})+$`, "u");

  it("keep the rules of the IETF draft and are parsed back, allowed or refused", async () => {
    await setRate(workspace.id, 5);
    const ann = await as(workspace);
    const ben = await as(workspace, randomUUID());
    for (let n = 0; n < 12; n += 1) {
      nowMs += 1_700;
      const answer = await ask(n % 3 === 0 ? ben : ann);
      const field = answer.headers.get("ratelimit") ?? "";
      const policy = answer.headers.get("ratelimit-policy") ?? "";
      expect(field).toMatch(limitField);
      expect(policy).toMatch(policyField);
      const quotas = [...policy.matchAll(/"(\w+)";q=(\d+)/gu)].map(([, name, q]) => [name, Number(q)]);
      const remainders = [...field.matchAll(/"(\w+)";r=(\d+);t=(\d+)/gu)];
      expect(remainders.map(([, name]) => name)).toEqual(quotas.map(([name]) => name));
      const retryAfter = answer.headers.get("retry-after");
      expect(retryAfter !== null).toBe(answer.status === 429);
      remainders.forEach(([, , r, t], at) => {
        expect(Number(r)).toBeLessThanOrEqual(Number(quotas[at]?.[1]));
        expect(Number(t)).toBeLessThanOrEqual(60);
      });
      // The draft: Retry-After must not point before the end of the effective window.
      if (retryAfter !== null) expect(Number(retryAfter)).toBeGreaterThanOrEqual(Number(remainders[0]?.[3]));
      const parsed = parseRateLimit(answer);
      expect(parsed).toMatchObject({
        limit: Number(answer.headers.get("x-ratelimit-limit")),
        remaining: Number(answer.headers.get("x-ratelimit-remaining")),
      });
      const old = Object.fromEntries([...answer.headers].filter(([name]) => name.startsWith("x-ratelimit-")));
      expect(parseRateLimit(old)).toMatchObject({ limit: parsed?.limit, remaining: parsed?.remaining });
      expect(parseRateLimit(old)?.reset?.getTime()).toBe(Number(old["x-ratelimit-reset"]) * 1000);
    }
  });
});
