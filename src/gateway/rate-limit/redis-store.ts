import { Redis } from "ioredis";
import type { Logger } from "../../core/index.ts";
import {
  type RateAnswer,
  type RateRequest,
  type RateStore,
  runsPerWindow,
  type WindowState,
} from "../../domain/rate-limit/index.ts";
import { giveBackScript, takeScript } from "./redis-scripts.ts";

export interface RedisStoreDeps {
  readonly url: string;
  readonly logger: Logger;
  readonly windowMs?: number;
  /** An answer that takes longer counts as an outage. */
  readonly commandTimeoutMs?: number;
  /** Before every key, for projects that share a server. */
  readonly prefix?: string;
}

export interface RedisStore extends RateStore {
  /** Resolves when the server was reached, or when it was not within the time; the store goes on trying. */
  connect(timeoutMs: number): Promise<boolean>;
  stop(): void;
}

interface Scripts {
  takeRate(count: number, ...rest: (string | number)[]): Promise<readonly (string | number)[]>;
  giveBackRate(count: number, ...rest: (string | number)[]): Promise<number>;
}

const longestPauseMs = 2_000;

/** Braces name what a cluster places keys by, so an id may not hold any. */
const safe = (text: string): string => encodeURIComponent(text);

/** Limits that several gateways keep together: one script a decision, by the clock of the Redis server. */
export const createRedisStore = (deps: RedisStoreDeps): RedisStore => {
  const { url, logger, windowMs = 60_000, commandTimeoutMs = 250, prefix = "hasura-usage" } = deps;
  const redis = new Redis(url, {
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    commandTimeout: commandTimeoutMs,
    connectTimeout: 2_000,
    retryStrategy: (times) => Math.min(times * 100, longestPauseMs),
    scripts: { takeRate: { lua: takeScript }, giveBackRate: { lua: giveBackScript } },
  }) as Redis & Scripts;
  // Told by whoever asks and gets no answer; without a listener it would end the process.
  redis.on("error", (error: unknown) => logger.debug({ err: error }, "the connection to Redis failed"));

  const keysOf = ({ group, windows, presence }: RateRequest): string[] => {
    const place = `${prefix}:rate:{${safe(group)}}`;
    const keys = windows.map(({ key }) => `${place}:${safe(key)}`);
    if (presence !== undefined) keys.push(`${place}:who:${safe(presence.scope)}`);
    return keys;
  };

  return {
    take: async (request): Promise<RateAnswer> => {
      const { windows, weight, presence } = request;
      const keys = keysOf(request);
      const reply = await redis.takeRate(
        keys.length,
        ...keys,
        windowMs * 1_000,
        weight,
        runsPerWindow,
        presence?.actor ?? "",
        ...windows.flatMap(({ limit, whenShared }) => [limit, whenShared === true ? 1 : 0]),
      );
      const states = windows.map(({ limit }, at): WindowState => {
        const [used, enforced, nextFreeUs, waitUs] = reply.slice(2 + at * 4, 6 + at * 4).map(Number) as [
          number,
          number,
          number,
          number,
        ];
        return {
          used,
          limit,
          enforced: enforced === 1,
          nextFreeMs: nextFreeUs / 1_000,
          waitMs: waitUs < 0 ? Number.POSITIVE_INFINITY : waitUs / 1_000,
        };
      });
      return {
        allowed: Number(reply[0]) === 1,
        windows: states,
        atMs: Number(reply[1]) / 1_000,
        store: "redis",
      };
    },
    giveBack: async (request, { atMs }) => {
      const keys = keysOf({ ...request, presence: undefined });
      await redis.giveBackRate(keys.length, ...keys, request.weight, Math.round(atMs * 1_000));
    },
    connect: (timeoutMs) =>
      new Promise((resolve) => {
        if (redis.status === "ready") {
          resolve(true);
          return;
        }
        const onReady = (): void => {
          clearTimeout(timer);
          resolve(true);
        };
        const timer = setTimeout(() => {
          redis.off("ready", onReady);
          resolve(false);
        }, timeoutMs);
        redis.once("ready", onReady);
      }),
    stop: () => redis.disconnect(),
  };
};
