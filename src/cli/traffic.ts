import type { Registry } from "prom-client";
import type { Clock, Logger, Queryable } from "../core/index.ts";
import { createApiCallRollup } from "../domain/api-calls/index.ts";
import { type Gate } from "../domain/gate/index.ts";
import { type Leases } from "../domain/lease/index.ts";
import {
  createFallbackStore,
  createMemoryStore,
  createRateLimiter,
  createRateLimits,
} from "../domain/rate-limit/index.ts";
import {
  type ApiLimits,
  createApiLimitsStage,
  createQuotaStage,
  createRateLimitStage,
  createRedisStore,
  createRollupStage,
  observeRateStore,
  type GatewayStage,
} from "../gateway/index.ts";
import { createListener } from "../postgres/index.ts";
import type { Settings } from "./settings.ts";

export interface TrafficDeps {
  readonly apiLimits: ApiLimits;
  readonly database: Queryable;
  readonly databaseUrl: string;
  readonly gate: Gate;
  readonly leases: Leases;
  readonly settings: Settings;
  readonly metrics: Registry;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface Traffic {
  /** In the order in which a request passes them. */
  readonly stages: readonly GatewayStage[];
  stop(): Promise<void>;
}

/** What the door does with each request beside passing it on: limits by plan, and counting. */
export const createTraffic = (deps: TrafficDeps): Traffic => {
  const { apiLimits, database, databaseUrl, gate, leases, settings, metrics, clock, logger } = deps;
  const rollup = createApiCallRollup({ database, clock, logger });
  const limits = createRateLimits({ database, clock });
  const local = createMemoryStore({ clock, elapsedMs: () => performance.now() });
  const redis =
    settings.REDIS_URL === undefined ? undefined : createRedisStore({ url: settings.REDIS_URL, logger });
  const store =
    redis === undefined
      ? local
      : createFallbackStore({ shared: redis, local, onOutage: settings.RATE_LIMIT_ON_OUTAGE, clock, logger });
  const listener = createListener({
    connectionString: databaseUrl,
    channels: ["hasura_usage_limits"],
    onNotification: ({ payload }) => limits.forget(payload === "*" ? undefined : payload),
    onListening: () => limits.forget(),
    clock,
    logger,
  });
  const limiter = createRateLimiter({
    store: observeRateStore({ registry: metrics, store, size: () => local.size() }),
    limits,
    settings: { userShare: settings.RATE_LIMIT_USER_SHARE, perAddress: settings.RATE_LIMIT_PER_ADDRESS },
  });
  return {
    stages: [
      createRollupStage(rollup),
      ...(apiLimits.isEmpty ? [] : [createApiLimitsStage({ limits: apiLimits, store, logger })]),
      createRateLimitStage({ limiter, clock, logger }),
      createQuotaStage({ leases, gate, logger }),
    ],
    stop: async () => {
      await rollup.stop();
      await listener.stop();
      redis?.stop();
      local.stop();
    },
  };
};
