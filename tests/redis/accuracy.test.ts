import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { silentLogger } from "../../src/core/index.ts";
import { createRedisStore, type RedisStore } from "../../src/gateway/index.ts";
import { type Attempt, faultsOf } from "../support/rate-checker.ts";
import { type TestRedis, startRedis } from "../support/redis.ts";

/**
 * The claim of the limiter, judged by an independent checker and by the clock of the server: never above the limit, and no
 * refusal while more than a hundredth of it is free. Windows are short, so that many of them pass within seconds; how fast the
 * machine is changes how hard it is tried, not what must hold.
 */

let redis: TestRedis;
const stores: RedisStore[] = [];

beforeAll(async () => {
  redis = await startRedis();
});
afterAll(async () => {
  for (const store of stores) store.stop();
  await redis.stop();
});

const windowMs = 700;
const runMs = 2_000;

/** One gateway: a connection of its own to the server that all share. */
const gatewayStore = async (): Promise<RedisStore> => {
  // The machine may be slow; an outage is another test's business.
  const store = createRedisStore({
    url: redis.url,
    logger: silentLogger,
    windowMs,
    commandTimeoutMs: 30_000,
  });
  stores.push(store);
  await store.connect(30_000);
  return store;
};

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

interface Client {
  /** How many to ask at once, and how long to rest after they are answered. */
  next(nowMs: number): { readonly times: number; readonly restMs: number };
}

/** Never stops asking. */
const steady: Client = { next: () => ({ times: 8, restMs: 0 }) };
/** Rests, then asks for more than the whole limit at once. */
const bursty = (limit: number): Client => ({
  next: () => ({ times: Math.ceil(limit * 1.3), restMs: windowMs * 0.37 }),
});
/** Asks around each boundary of a fixed window, where limiters of that kind let twice the limit through. */
const hugging = (limit: number): Client => ({
  next: (nowMs) => ({ times: limit, restMs: windowMs - ((nowMs + 5) % windowMs) }),
});

const drive = async (
  store: RedisStore,
  key: string,
  limit: number,
  client: Client,
  weightOf: (n: number) => number,
): Promise<Attempt[]> => {
  const attempts: Attempt[] = [];
  const until = performance.now() + runMs;
  let n = 0;
  while (performance.now() < until) {
    const { times, restMs } = client.next(performance.now());
    await Promise.all(
      Array.from({ length: times }, async () => {
        const weight = weightOf(n++);
        const answer = await store.take({ group: key, windows: [{ key, limit }], weight });
        attempts.push({ atMs: answer.atMs, weight, allowed: answer.allowed });
      }),
    );
    await pause(restMs);
  }
  return attempts;
};

describe.each([1, 2, 4])("with %i gateways on one Redis", (gateways) => {
  it("keeps a limit, and lets it be used, whatever the clients' manner", async () => {
    const nodes = await Promise.all(Array.from({ length: gateways }, gatewayStore));
    // 300 is above the limit from which runs of several requests are kept in the log as one.
    for (const limit of [5, 60, 300]) {
      const cases = [
        { name: "steady", client: steady, weightOf: () => 1 },
        { name: "bursty", client: bursty(limit), weightOf: () => 1 },
        { name: "hugging", client: hugging(limit), weightOf: () => 1 },
        { name: "weighted", client: steady, weightOf: (n: number) => 1 + (n % 4) },
      ];
      const histories = await Promise.all(
        cases.map(async ({ name, client, weightOf }) => {
          const key = `${name} ${String(limit)} ${String(gateways)}`;
          const all = await Promise.all(nodes.map((store) => drive(store, key, limit, client, weightOf)));
          return { name, attempts: all.flat() };
        }),
      );
      for (const { name, attempts } of histories)
        expect([name, limit, faultsOf(attempts, limit, windowMs)]).toEqual([name, limit, []]);
      const refused = histories.flatMap(({ attempts }) => attempts.filter(({ allowed }) => !allowed));
      expect(refused.length).toBeGreaterThan(limit);
    }
  }, 120_000);
});
