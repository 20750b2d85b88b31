import { MemoryStore as ExpressMemoryStore, type Options } from "express-rate-limit";
import { Redis } from "ioredis";
import { RateLimiterMemory, RateLimiterRedis } from "rate-limiter-flexible";
import { silentLogger, systemClock } from "../../src/core/index.ts";
import { createMemoryStore } from "../../src/domain/rate-limit/index.ts";
import { createRedisStore } from "../../src/gateway/index.ts";

export interface BenchLimiter {
  readonly name: string;
  /** Whether one request of the key may pass. */
  take(key: string): Promise<boolean>;
  stop(): void;
}

const passed = (): boolean => true;
const refused = (): boolean => false;

/** The limiters that are compared, all with the same limit in the same window. */
export const createLimiters = async (
  limit: number,
  windowMs: number,
  redisUrl: string | undefined,
): Promise<readonly BenchLimiter[]> => {
  const memory = createMemoryStore({ clock: systemClock, elapsedMs: () => performance.now(), windowMs });
  const express = new ExpressMemoryStore();
  express.init({ windowMs } as Options);
  const flexible = new RateLimiterMemory({ points: limit, duration: windowMs / 1_000 });
  const limiters: BenchLimiter[] = [
    {
      name: "ours, memory",
      take: async (key) => (await memory.take({ group: key, windows: [{ key, limit }], weight: 1 })).allowed,
      stop: () => memory.stop(),
    },
    {
      name: "express-rate-limit",
      take: async (key) => (await express.increment(key)).totalHits <= limit,
      stop: () => express.shutdown(),
    },
    {
      name: "rate-limiter-flexible, memory",
      take: (key) => flexible.consume(key).then(passed, refused),
      stop: () => undefined,
    },
  ];
  if (redisUrl === undefined) return limiters;
  const shared = createRedisStore({
    url: redisUrl,
    logger: silentLogger,
    windowMs,
    commandTimeoutMs: 10_000,
  });
  await shared.connect(10_000);
  const client = new Redis(redisUrl);
  const flexibleRedis = new RateLimiterRedis({
    storeClient: client,
    points: limit,
    duration: windowMs / 1_000,
    keyPrefix: "bench-flexible",
  });
  return [
    ...limiters,
    {
      name: "ours, Redis",
      take: async (key) => (await shared.take({ group: key, windows: [{ key, limit }], weight: 1 })).allowed,
      stop: () => shared.stop(),
    },
    {
      name: "rate-limiter-flexible, Redis",
      take: (key) => flexibleRedis.consume(key).then(passed, refused),
      stop: () => client.disconnect(),
    },
  ];
};
