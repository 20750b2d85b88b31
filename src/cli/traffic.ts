import type { Clock, Logger, Queryable } from "../core/index.ts";
import { createMemoryStore, createRateLimiter, createRateLimits } from "../domain/rate-limit/index.ts";
import { createRateLimitStage, type GatewayStage } from "../gateway/index.ts";
import { createListener } from "../postgres/index.ts";
import type { Settings } from "./settings.ts";

export interface TrafficDeps {
  readonly database: Queryable;
  readonly databaseUrl: string;
  readonly settings: Settings;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface Traffic {
  /** In the order in which a request passes them. */
  readonly stages: readonly GatewayStage[];
  stop(): Promise<void>;
}

/** What the door does with each request beside passing it on: limits by plan. */
export const createTraffic = ({ database, databaseUrl, settings, clock, logger }: TrafficDeps): Traffic => {
  const limits = createRateLimits({ database, clock });
  const store = createMemoryStore({ clock, elapsedMs: () => performance.now() });
  const listener = createListener({
    connectionString: databaseUrl,
    channels: ["hasura_usage_limits"],
    onNotification: ({ payload }) => limits.forget(payload === "*" ? undefined : payload),
    onListening: () => limits.forget(),
    clock,
    logger,
  });
  const limiter = createRateLimiter({
    store,
    limits,
    settings: { userShare: settings.RATE_LIMIT_USER_SHARE, perAddress: settings.RATE_LIMIT_PER_ADDRESS },
  });
  return {
    stages: [createRateLimitStage({ limiter, clock, logger })],
    stop: async () => {
      await listener.stop();
      store.stop();
    },
  };
};
