import { request as httpRequest } from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { startTestUpstream, testToken, type TestUpstream } from "../support/gateway.ts";
import { type Attempt, faultsOf } from "../support/rate-checker.ts";
import { type TestRedis, startRedis } from "../support/redis.ts";
import { startCommand, type StartedCommand } from "../support/start-command.ts";

/**
 * The claim of `accuracy.test.ts` for whole gateways: processes of their own, asked over HTTP by clients that spread their
 * requests over all of them. Windows are short, as there; how fast the machine is changes how hard it is tried, not what must hold.
 */
const windowMs = 700;
const runMs = 2_000;
const mostGateways = 4;

interface GatewayProcess {
  readonly url: string;
  readonly command: StartedCommand;
}

let redis: TestRedis;
let upstream: TestUpstream;
const gateways: GatewayProcess[] = [];

beforeAll(async () => {
  [redis, upstream] = await Promise.all([startRedis(), startTestUpstream()]);
  const commands = Array.from({ length: mostGateways }, () =>
    startCommand(
      { TEST_REDIS_URL: redis.url, TEST_UPSTREAM_URL: upstream.url, TEST_WINDOW_MS: String(windowMs) },
      "tests/redis/gateway-process.ts",
      "ready at",
    ),
  );
  for (const command of commands) {
    await command.ready();
    const url = /ready at (\S+)\.\n/u.exec(command.output())?.[1];
    if (url === undefined) throw new Error(command.output());
    gateways.push({ url, command });
  }
}, 120_000);

afterAll(async () => {
  for (const { command } of gateways) {
    command.child.kill("SIGTERM");
    await command.exited();
  }
  await upstream.stop();
  await redis.stop();
});

interface Answer {
  readonly status: number;
  readonly body: string;
}

const ask = (url: string, token: string, weight: number): Promise<Answer> =>
  new Promise((resolve, reject) => {
    // Each root field is a unit.
    const query = `{ ${Array.from({ length: weight }, (_, n) => `f${String(n)}`).join(" ")} }`;
    const asked = httpRequest(`${url}/v1/graphql`, {
      method: "POST",
      // A connection that stays open may be closed by an idle server just as it is used again.
      agent: false,
      headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
    });
    asked.on("error", reject);
    asked.on("response", (response) => {
      let body = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        body += chunk;
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body }));
    });
    asked.end(JSON.stringify({ query }));
  });

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

interface Client {
  readonly name: string;
  /** How many to ask at once, and how long to rest after they are answered. */
  next(nowMs: number, limit: number): { readonly times: number; readonly restMs: number };
  weightOf(n: number): number;
}

const clients: readonly Client[] = [
  { name: "steady", next: () => ({ times: 8, restMs: 0 }), weightOf: () => 1 },
  { name: "weighted", next: () => ({ times: 8, restMs: 0 }), weightOf: (n) => 1 + (n % 4) },
  {
    name: "bursty",
    next: (_nowMs, limit) => ({ times: Math.ceil(limit * 1.3), restMs: windowMs * 0.37 }),
    weightOf: () => 1,
  },
  {
    // Around each boundary of a fixed window, where limiters of that kind let twice the limit through.
    name: "hugging",
    next: (nowMs, limit) => ({ times: limit, restMs: windowMs - ((nowMs + 5) % windowMs) }),
    weightOf: () => 1,
  },
];

const drive = async (
  { next, weightOf }: Client,
  urls: readonly string[],
  token: string,
  limit: number,
): Promise<readonly number[]> => {
  const statuses: number[] = [];
  const until = performance.now() + runMs;
  let n = 0;
  while (performance.now() < until) {
    const { times, restMs } = next(performance.now(), limit);
    await Promise.all(
      Array.from({ length: times }, async () => {
        n += 1;
        const answer = await ask(urls[n % urls.length] ?? "", token, weightOf(n));
        statuses.push(answer.status);
      }),
    );
    await pause(restMs);
  }
  return statuses;
};

const decisionsOf = async (urls: readonly string[]): Promise<ReadonlyMap<string, readonly Attempt[]>> => {
  const all = new Map<string, readonly Attempt[]>();
  for (const url of urls) {
    const told = (await (await fetch(`${url}/attempts`)).json()) as Record<string, readonly Attempt[]>;
    for (const [group, attempts] of Object.entries(told))
      all.set(group, [...(all.get(group) ?? []), ...attempts]);
  }
  return all;
};

describe.each([1, 2, mostGateways])("%i gateways over HTTP on one Redis", (count) => {
  it("let through never more than the limit, and refuse nothing while a hundredth of it is free", async () => {
    const urls = gateways.slice(0, count).map(({ url }) => url);
    let refused = 0;
    // 300 is above the limit from which runs of several requests are kept in the log as one.
    for (const limit of [5, 60, 300]) {
      const runs = await Promise.all(
        clients.map(async (client) => {
          const workspaceId = `${client.name}-${String(count)}-${String(limit)}`;
          const token = await testToken({ "x-hasura-workspace-id": workspaceId });
          return { client, workspaceId, statuses: await drive(client, urls, token, limit) };
        }),
      );
      const decisions = await decisionsOf(urls);
      for (const { client, workspaceId, statuses } of runs) {
        const attempts = decisions.get(workspaceId) ?? [];
        const of = (status: number): number => statuses.filter((other) => other === status).length;
        // What was decided is what the clients were told, and nothing else was.
        expect([client.name, of(200), of(429)]).toEqual([
          client.name,
          attempts.filter(({ allowed }) => allowed).length,
          attempts.filter(({ allowed }) => !allowed).length,
        ]);
        expect(attempts).toHaveLength(statuses.length);
        expect([client.name, limit, faultsOf(attempts, limit, windowMs)]).toEqual([client.name, limit, []]);
        expect(of(200)).toBeGreaterThan(0);
      }
      refused += runs.flatMap(({ statuses }) => statuses.filter((status) => status === 429)).length;
    }
    expect(refused).toBeGreaterThan(0);
  }, 60_000);

  it("let through the limit and no more within the first minute, however many ask at once", async () => {
    const limit = 300;
    const workspaceId = `minute-${String(count)}-${String(limit)}`;
    const token = await testToken({ "x-hasura-workspace-id": workspaceId });
    const urls = gateways.slice(0, count).map(({ url }) => url);
    const answers = await Promise.all(
      Array.from({ length: limit + 50 }, (_, n) => ask(urls[n % urls.length] ?? "", token, 1)),
    );
    const attempts = (await decisionsOf(urls)).get(workspaceId) ?? [];
    expect(faultsOf(attempts, limit)).toEqual([]);
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(limit);
    const [refusal] = answers.filter(({ status }) => status === 429);
    expect(JSON.parse(refusal?.body ?? "")).toMatchObject({
      errors: [{ extensions: { code: "rate-limited", policy: "workspace", limit } }],
    });
  }, 60_000);
});
