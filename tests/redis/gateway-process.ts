import { Router } from "express";
import { silentLogger, systemClock } from "../../src/core/index.ts";
import { createRateLimiter, type RateLimits, type RateStore } from "../../src/domain/rate-limit/index.ts";
import { createRateLimitStage, createRedisStore } from "../../src/gateway/index.ts";
import { startTestGateway } from "../support/gateway.ts";
import type { Attempt } from "../support/rate-checker.ts";

/**
 * A gateway as a process of its own: tokens, GraphQL, the stage and the Redis store are the product's. What it cannot have
 * here is a database, so that a workspace's limit is the number its id ends with. `/attempts` tells what was decided since it
 * was last asked, by the clock of Redis, which no answer to a client has.
 */
const {
  TEST_REDIS_URL: redisUrl = "",
  TEST_UPSTREAM_URL: upstreamUrl = "",
  TEST_WINDOW_MS: windowMs = "",
} = process.env;

const limits: RateLimits = {
  of: (workspaceId) => ({
    perMinute: Number(workspaceId.slice(workspaceId.lastIndexOf("-") + 1)),
    planId: "test",
    isKnown: true,
  }),
  forget: () => undefined,
};

/** Names of workspaces that begin so have the product's window, a minute; all others have short ones. */
const byWindow = (minute: RateStore, short: RateStore): RateStore => {
  const of = (group: string): RateStore => (group.startsWith("minute") ? minute : short);
  return {
    take: (request) => of(request.group).take(request),
    giveBack: (request, answer) => of(request.group).giveBack(request, answer),
  };
};

const noted = (store: RateStore, attempts: Map<string, Attempt[]>): RateStore => ({
  take: async (request) => {
    const answer = await store.take(request);
    const known = attempts.get(request.group) ?? [];
    known.push({ atMs: answer.atMs, weight: request.weight, allowed: answer.allowed });
    attempts.set(request.group, known);
    return answer;
  },
  giveBack: (request, answer) => store.giveBack(request, answer),
});

const connect = async (window?: number): Promise<RateStore> => {
  const redis = createRedisStore({
    url: redisUrl,
    logger: silentLogger,
    // The machine may be slow; an outage is another test's business.
    commandTimeoutMs: 30_000,
    ...(window === undefined ? {} : { windowMs: window }),
  });
  if (!(await redis.connect(30_000))) throw new Error("Redis cannot be reached");
  return redis;
};

const main = async (): Promise<void> => {
  const store = byWindow(await connect(), await connect(Number(windowMs)));
  const attempts = new Map<string, Attempt[]>();
  const limiter = createRateLimiter({ store: noted(store, attempts), limits });
  const router = Router();
  router.get("/", (_request, response) => {
    response.json(Object.fromEntries(attempts));
    attempts.clear();
  });
  const gateway = await startTestGateway({
    upstream: { kind: "url", url: upstreamUrl },
    stages: [createRateLimitStage({ limiter, clock: systemClock, logger: silentLogger })],
    openRoutes: [{ path: "/attempts", router }],
  });
  console.log(`ready at ${gateway.url}.`);
};

main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
