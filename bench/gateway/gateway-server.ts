import { type RequestHandler, Router } from "express";
import { rateLimit } from "express-rate-limit";
import { Redis } from "ioredis";
import { RateLimiterMemory, RateLimiterRedis } from "rate-limiter-flexible";
import { silentLogger, systemClock } from "../../src/core/index.ts";
import { createApiCallRollup } from "../../src/domain/api-calls/index.ts";
import { createGate } from "../../src/domain/gate/index.ts";
import { createLeases, leaseHolder } from "../../src/domain/lease/index.ts";
import { createMemoryStore, createRateLimiter, createRateLimits } from "../../src/domain/rate-limit/index.ts";
import {
  createGateway,
  createQuotaStage,
  createRateLimitStage,
  createRedisStore,
  createRollupStage,
  type GatewayStage,
  type Identity,
} from "../../src/gateway/index.ts";
import { createDatabase } from "../../src/postgres/index.ts";
import { serve } from "../support/served.ts";
import { benchLimit, type GatewayVariant, workspaceHeader } from "./variants.ts";

/** The gateway with the stages that `BENCH_VARIANT` names, a route that answers at once, and the upstream behind GraphQL. */
const variant = (process.env["BENCH_VARIANT"] ?? "none") as GatewayVariant;
const redisUrl = process.env["BENCH_REDIS_URL"] ?? "";
const clock = systemClock;
const logger = silentLogger;
const database = createDatabase({
  connectionString: process.env["BENCH_SERVER_DATABASE_URL"] ?? "",
  maxConnections: 4,
});
const leases = createLeases({ database, clock, logger, holder: leaseHolder() });
const rollup = createApiCallRollup({ database, clock, logger });
const redisStore = variant.endsWith("redis") ? createRedisStore({ url: redisUrl, logger }) : undefined;

const rateStage = (): GatewayStage => {
  const store = redisStore ?? createMemoryStore({ clock, elapsedMs: () => performance.now() });
  const limiter = createRateLimiter({ store, limits: createRateLimits({ database, clock }) });
  return createRateLimitStage({ limiter, clock, logger });
};
const metering = (): readonly GatewayStage[] => [
  createRollupStage(rollup),
  createQuotaStage({ leases, gate: createGate({ database, clock }), logger }),
];

const stages: Readonly<Record<GatewayVariant, () => readonly GatewayStage[]>> = {
  none: () => [],
  "none again": () => [],
  metering,
  "rate-limit": () => [rateStage()],
  all: () => [...metering(), rateStage()],
  "all-redis": () => [...metering(), rateStage()],
  "express-rate-limit": () => [],
  "flexible-memory": () => [],
  "flexible-redis": () => [],
};

const flexible = (limiter: RateLimiterMemory | RateLimiterRedis): RequestHandler => {
  return (request, response, next) => {
    limiter.consume(String(request.headers[workspaceHeader])).then(
      (found) => {
        response.setHeader("x-ratelimit-remaining", String(found.remainingPoints));
        next();
      },
      () => response.status(429).end(),
    );
  };
};

const others: Partial<Record<GatewayVariant, () => RequestHandler>> = {
  "express-rate-limit": () =>
    rateLimit({
      windowMs: 60_000,
      limit: benchLimit,
      standardHeaders: "draft-8",
      legacyHeaders: true,
      keyGenerator: (request) => String(request.headers[workspaceHeader]),
    }),
  "flexible-memory": () => flexible(new RateLimiterMemory({ points: benchLimit, duration: 60 })),
  "flexible-redis": () =>
    flexible(new RateLimiterRedis({ storeClient: new Redis(redisUrl), points: benchLimit, duration: 60 })),
};

const identity: Identity = {
  identify: ({ headers, address }) =>
    Promise.resolve({
      caller: {
        kind: "user",
        role: "user",
        address,
        workspaceId: String(headers[workspaceHeader]),
        userId: "00000000-0000-4000-8000-000000000001",
        apiKeyId: undefined,
        expiresAt: undefined,
      },
      upstreamHeaders: {},
    }),
  watch: () => () => undefined,
};

const router = Router();
const other = others[variant]?.();
if (other !== undefined) router.use(other);
router.post("/", (_request, response) => {
  response.json({ data: { usage_current: [{ metric: "messages", used: 1 }] } });
});

const gateway = createGateway({
  upstream: { kind: "url", url: process.env["BENCH_UPSTREAM_URL"] ?? "http://127.0.0.1:9" },
  identity,
  stages: stages[variant](),
  routes: [{ path: "/bench", router }],
  clock,
  logger,
});

const main = async (): Promise<void> => {
  await redisStore?.connect(10_000);
  await serve(
    gateway.handler,
    async () => {
      await rollup.stop();
      await leases.stop();
      await database.close();
      redisStore?.stop();
    },
    (server) => gateway.attach(server),
  );
};

// No await at the top: such a script cannot be compiled into one, and would not run as the product does.
main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
