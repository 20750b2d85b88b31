import { afterAll, beforeAll, expect, it } from "@jest/globals";
import { Registry } from "prom-client";
import { silentLogger, systemClock } from "../../src/core/index.ts";
import {
  createFallbackStore,
  createMemoryStore,
  createRateLimiter,
} from "../../src/domain/rate-limit/index.ts";
import { createRateLimitStage, createRedisStore, observeRateStore } from "../../src/gateway/index.ts";
import { createTestClock } from "../../src/testing/index.ts";
import {
  startTestGateway,
  startTestUpstream,
  testToken,
  type TestGateway,
  type TestUpstream,
} from "../support/gateway.ts";
import { type TestRedis, startRedis } from "../support/redis.ts";

/** Redis ends midway: what was chosen for that is seen by the client, in the figures and in the log. */

let redis: TestRedis;
let upstream: TestUpstream;
const stops: (() => Promise<void> | void)[] = [];

beforeAll(async () => {
  [redis, upstream] = await Promise.all([startRedis(), startTestUpstream()]);
});
afterAll(async () => {
  for (const stop of stops) await stop();
  await upstream.stop();
  await redis.stop();
});

interface Limited {
  readonly gateway: TestGateway;
  readonly metrics: Registry;
  readonly logged: { readonly level: string; readonly onOutage: unknown; readonly message: string }[];
}

const startLimited = async (onOutage: "local" | "refuse"): Promise<Limited> => {
  const logged: Limited["logged"] = [];
  const note =
    (level: string) =>
    (bindings: object, message: string): void => {
      logged.push({ level, onOutage: "onOutage" in bindings ? bindings.onOutage : undefined, message });
    };
  const logger = { ...silentLogger, error: note("error"), info: note("info") };
  // Stands still, so that nobody asks whether Redis is back.
  const clock = createTestClock();
  const local = createMemoryStore({ clock, elapsedMs: () => performance.now() });
  const shared = createRedisStore({ url: redis.url, logger: silentLogger, commandTimeoutMs: 1_000 });
  await shared.connect(30_000);
  const metrics = new Registry();
  const limiter = createRateLimiter({
    store: observeRateStore({
      registry: metrics,
      store: createFallbackStore({ shared, local, onOutage, clock, logger }),
      size: () => local.size(),
    }),
    limits: { of: () => ({ perMinute: 2, planId: "test", isKnown: true }), forget: () => undefined },
  });
  const gateway = await startTestGateway({
    upstream: { kind: "url", url: upstream.url },
    stages: [createRateLimitStage({ limiter, clock: systemClock, logger })],
  });
  stops.push(
    () => gateway.stop(),
    () => shared.stop(),
    () => local.stop(),
  );
  return { gateway, metrics, logged };
};

const ask = async ({ gateway }: Limited) => {
  const response = await fetch(`${gateway.url}/v1/graphql`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${await testToken()}` },
    body: JSON.stringify({ query: "{ a }" }),
  });
  const { errors } = (await response.json()) as {
    readonly errors?: readonly { readonly extensions: { readonly code: string } }[];
  };
  return {
    status: response.status,
    code: errors?.[0]?.extensions.code,
    store: response.headers.get("x-ratelimit-store"),
  };
};

it("is seen in answers, figures and the log, and a refusal for it is not taken for a limit", async () => {
  const lenient = await startLimited("local");
  const strict = await startLimited("refuse");
  expect(await ask(lenient)).toEqual({ status: 200, code: undefined, store: null });
  expect(await ask(strict)).toEqual({ status: 200, code: undefined, store: null });

  await redis.kill();

  expect(await ask(lenient)).toEqual({ status: 200, code: undefined, store: "local" });
  expect(await ask(lenient)).toEqual({ status: 200, code: undefined, store: "local" });
  expect(await ask(lenient)).toEqual({ status: 429, code: "rate-limited", store: "local" });
  expect(await ask(strict)).toEqual({ status: 503, code: "rate-limit-unavailable", store: null });

  const figures = await lenient.metrics.metrics();
  expect(figures).toContain('hasura_usage_rate_decisions_total{store="redis",result="allowed"} 1');
  expect(figures).toContain('hasura_usage_rate_decisions_total{store="local",result="allowed"} 2');
  expect(figures).toContain('hasura_usage_rate_decisions_total{store="local",result="refused"} 1');
  expect(await strict.metrics.metrics()).toContain("hasura_usage_rate_store_failures_total 1");
  for (const [{ logged }, onOutage] of [
    [lenient, "local"],
    [strict, "refuse"],
  ] as const)
    expect(logged[0]).toEqual({ level: "error", onOutage, message: "the store of rate limits is away" });
}, 60_000);
