import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { Redis } from "ioredis";
import { silentLogger } from "../../src/core/index.ts";
import {
  createFallbackStore,
  createMemoryStore,
  type RateAnswer,
  type RateRequest,
} from "../../src/domain/rate-limit/index.ts";
import { createRedisStore, type RedisStore } from "../../src/gateway/index.ts";
import { createTestClock } from "../../src/testing/index.ts";
import { type TestRedis, startRedis } from "../support/redis.ts";
import { waitFor } from "../support/wait-for.ts";

let redis: TestRedis;
let store: RedisStore;
let inspect: Redis;
let group = 0;

beforeAll(async () => {
  redis = await startRedis();
  store = createRedisStore({ url: redis.url, logger: silentLogger, commandTimeoutMs: 30_000 });
  await store.connect(30_000);
  inspect = new Redis(redis.url);
  inspect.on("error", () => undefined);
});
beforeEach(() => {
  group += 1;
});
afterAll(async () => {
  inspect.disconnect();
  store.stop();
  await redis.stop();
});

const request = (weight: number, limits: Readonly<Record<string, number>>): RateRequest => ({
  group: String(group),
  windows: Object.entries(limits).map(([key, limit]) => ({ key, limit })),
  weight,
});
const take = (weight: number, limits: Readonly<Record<string, number>>) =>
  store.take(request(weight, limits)) as Promise<RateAnswer>;

describe("limits on Redis", () => {
  it("are decided over all windows at once, and a refusal counts in none", async () => {
    expect(await take(4, { w: 10, u: 4 })).toMatchObject({
      allowed: true,
      store: "redis",
      windows: [{ used: 4, limit: 10, waitMs: 0 }, { used: 4 }],
    });
    const refused = await take(1, { w: 10, u: 4 });
    expect(refused).toMatchObject({ allowed: false, windows: [{ used: 4, waitMs: 0 }, { used: 4 }] });
    expect(refused.windows[1]?.waitMs).toBeGreaterThan(0);
    expect(refused.windows[1]?.waitMs).toBeLessThanOrEqual(60_000);
    expect((await take(6, { w: 10 })).allowed).toBe(true);
    expect((await take(11, { w: 10 })).windows[0]?.waitMs).toBe(Number.POSITIVE_INFINITY);
  });

  it("are given back exactly", async () => {
    await take(2, { w: 1_000 });
    const given = await take(600, { w: 1_000 });
    await take(3, { w: 1_000 });
    await store.giveBack(request(600, { w: 1_000 }), given);
    expect((await take(995, { w: 1_000 })).allowed).toBe(true);
    expect((await take(1, { w: 1_000 })).allowed).toBe(false);
  });

  it("leave a share to others while there are others", async () => {
    const ask = async (actor: string): Promise<boolean> =>
      (
        await store.take({
          group: String(group),
          presence: { scope: "w", actor },
          windows: [
            { key: "w", limit: 10 },
            { key: `w:${actor}`, limit: 8, whenShared: true },
          ],
          weight: 1,
        })
      ).allowed;
    const times = async (actor: string, count: number): Promise<number> => {
      let allowed = 0;
      for (let n = 0; n < count; n += 1) if (await ask(actor)) allowed += 1;
      return allowed;
    };
    expect(await times("ann", 3)).toBe(3);
    expect(await times("ben", 1)).toBe(1);
    expect(await times("ann", 9)).toBe(5);
    expect(await times("ben", 9)).toBe(1);
  });

  it("have keys that end by themselves, in one slot of a cluster, whatever their names", async () => {
    await store.take({
      group: "a}b{c",
      presence: { scope: "s {x}", actor: "é" },
      windows: [
        { key: "k}{1", limit: 5 },
        { key: "k2", limit: 5 },
      ],
      weight: 1,
    });
    const keys = await inspect.keys("hasura-usage:rate:{a%7Db%7Bc}:*");
    expect(keys).toHaveLength(3);
    expect(keys.every((key) => /^[^{}]*\{[^{}]+\}[^{}]*$/u.test(key))).toBe(true);
    for (const key of keys) expect(await inspect.pttl(key)).toBeGreaterThan(50_000);
  });

  it("keep a bounded log for a limit of any size", async () => {
    for (let n = 0; n < 40; n += 1)
      await Promise.all(Array.from({ length: 100 }, () => take(10, { w: 50_000 })));
    const length = await inspect.llen(`hasura-usage:rate:{${String(group)}}:w`);
    expect(length).toBeLessThanOrEqual(400);
    expect((await take(10_000, { w: 50_000 })).allowed).toBe(true);
    expect((await take(1, { w: 50_000 })).allowed).toBe(false);
  });

  it("go on when the server has forgotten the script", async () => {
    await take(1, { w: 2 });
    await inspect.script("FLUSH");
    expect(await take(1, { w: 2 })).toMatchObject({ allowed: true, windows: [{ used: 2 }] });
    expect((await take(1, { w: 2 })).allowed).toBe(false);
  });
});

describe("Redis away", () => {
  const clock = createTestClock();
  const local = () => createMemoryStore({ clock, elapsedMs: () => clock.now().getTime() });
  const warnings: string[] = [];
  const logger = { ...silentLogger, error: (_: object, message: string) => warnings.push(message) };

  it("means local limits or refusals, as it is set, until it is back", async () => {
    const quick = createRedisStore({ url: redis.url, logger: silentLogger, commandTimeoutMs: 1_000 });
    await quick.connect(30_000);
    const lenient = createFallbackStore({ shared: quick, local: local(), onOutage: "local", clock, logger });
    const strict = createFallbackStore({ shared: quick, local: local(), onOutage: "refuse", clock, logger });
    const ask = request(1, { w: 2 });
    try {
      expect(await lenient.take(ask)).toMatchObject({ allowed: true, store: "redis" });
      await redis.kill();
      expect(await lenient.take(ask)).toMatchObject({ allowed: true, store: "local" });
      expect(await lenient.take(ask)).toMatchObject({ allowed: true, store: "local" });
      expect(await lenient.take(ask)).toMatchObject({ allowed: false, store: "local" });
      await expect(strict.take(ask)).rejects.toMatchObject({
        kind: "unavailable",
        code: "rate-limit-unavailable",
      });
      expect(lenient.state()).toEqual({ isDown: true, withoutShared: 3 });
      expect(warnings).toEqual(["the store of rate limits is away", "the store of rate limits is away"]);

      await redis.start();
      await waitFor("Redis to be used again", async () => {
        clock.advance({ seconds: 1 });
        return (await lenient.take(ask)).store === "redis";
      });
      expect(lenient.state().isDown).toBe(false);
      await waitFor("the other to return as well", async () => {
        clock.advance({ seconds: 1 });
        return (await strict.take(request(1, { other: 100_000 }))).allowed;
      });
    } finally {
      quick.stop();
    }
  }, 60_000);
});
