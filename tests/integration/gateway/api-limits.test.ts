import { afterEach, describe, expect, it } from "@jest/globals";
import { type RequestListener } from "node:http";
import { silentLogger } from "../../../src/core/index.ts";
import { createMemoryStore } from "../../../src/domain/rate-limit/index.ts";
import { createApiLimitsStage, type GatewayStage, parseApiLimits } from "../../../src/gateway/index.ts";
import { createTestClock, type TestClock } from "../../../src/testing/index.ts";
import {
  startTestGateway,
  startTestUpstream,
  testAdminSecret,
  testToken,
  type TestGateway,
  type TestUpstream,
} from "../../support/gateway.ts";
import { waitFor } from "../../support/wait-for.ts";

let upstream: TestUpstream;
let gateway: TestGateway;
let nowMs = 0;
let clock: TestClock;
let respond: RequestListener | undefined;

const start = async (content: unknown, ...behind: readonly GatewayStage[]): Promise<void> => {
  nowMs = 1_000;
  clock = createTestClock();
  const store = createMemoryStore({ clock, elapsedMs: () => nowMs });
  upstream = await startTestUpstream(respond);
  gateway = await startTestGateway({
    clock,
    upstream: { kind: "url", url: upstream.url },
    stages: [
      createApiLimitsStage({ limits: parseApiLimits(content), store, logger: silentLogger }),
      ...behind,
    ],
  });
};
afterEach(async () => {
  respond = undefined;
  await gateway.stop();
  await upstream.stop();
});

const as = async (claims: Readonly<Record<string, unknown>> = {}) => ({
  authorization: `Bearer ${await testToken(claims)}`,
});

const ask = async (
  body: unknown,
  headers?: Readonly<Record<string, string>>,
): Promise<{
  readonly status: number;
  readonly code: string | undefined;
  readonly retryAfter: string | null;
}> => {
  const answer = await fetch(`${gateway.url}/v1/graphql`, {
    method: "POST",
    headers: { "content-type": "application/json", ...(headers ?? (await as())) },
    body: JSON.stringify(body),
  });
  const parsed = (await answer.json()) as unknown;
  const first = (Array.isArray(parsed) ? parsed[0] : parsed) as {
    errors?: { extensions: { code: string } }[];
  };
  return {
    status: answer.status,
    code: first.errors?.[0]?.extensions.code,
    retryAfter: answer.headers.get("retry-after"),
  };
};
const codeOf = async (query: string): Promise<string | undefined> => (await ask({ query })).code;

describe("the limits of Hasura's metadata", () => {
  it("end a document by its depth and its nodes, as Hasura counts them", async () => {
    await start({ depth_limit: { global: 2 }, node_limit: { global: 3 } });
    expect(await codeOf("{ viewer { albums { title } } }")).toBeUndefined();
    expect(await codeOf("{ viewer { albums { songs { title } } } }")).toBe("depth-limit-exceeded");
    expect(
      await codeOf(
        "query { viewer { ...a } } fragment a on V { albums { ...b } } fragment b on A { songs { id } }",
      ),
    ).toBe("depth-limit-exceeded");
    expect(await codeOf("{ author { name articles { id } } homepage_entries { id } }")).toBeUndefined();
    expect(
      await codeOf("{ author { name articles { id } } homepage_entries { id } x: author { name } }"),
    ).toBe("node-limit-exceeded");
    expect(await codeOf("{ __schema { types { name } } }")).toBeUndefined();
    expect(upstream.calls).toHaveLength(3);
  });

  it("end a batch by its size", async () => {
    await start({ batch_limit: { global: 2 } });
    const one = { query: "{ a }" };
    expect((await ask([one, one])).code).toBeUndefined();
    expect(await ask([one, one, one])).toMatchObject({ status: 200, code: "batch-limit-exceeded" });
  });

  it("end requests by role and unique parameters, refused ones for nothing", async () => {
    await start({
      rate_limit: {
        global: { max_reqs_per_min: 1, unique_params: "IP" },
        per_role: { user: { max_reqs_per_min: 2, unique_params: ["x-hasura-user-id"] } },
      },
    });
    const one = { query: "{ a }" };
    expect([(await ask(one)).status, (await ask(one)).status]).toEqual([200, 200]);
    nowMs += 20_000;
    expect(await ask(one)).toEqual({ status: 429, code: "rate-limit-exceeded", retryAfter: "40" });
    expect((await ask(one, await as({ "x-hasura-user-id": "another" }))).status).toBe(200);
    expect([(await ask(one, {})).status, (await ask(one, {})).status]).toEqual([200, 429]);
    nowMs += 40_000;
    expect((await ask([one, one])).status).toBe(200);
    expect((await ask(one)).status).toBe(429);
  });

  it("end an operation that takes too long, and let go of its upstream", async () => {
    let asked = 0;
    let gone = 0;
    respond = (_request, response) => {
      asked += 1;
      response.once("close", () => {
        gone += 1;
      });
    };
    await start({ time_limit: { global: 60, per_role: { user: 2 } } });
    const answer = ask({ query: "{ a }" });
    await waitFor("the upstream to be asked", () => asked === 1);
    clock.advance({ seconds: 1 });
    expect(gone).toBe(0);
    clock.advance({ seconds: 1 });
    expect(await answer).toMatchObject({ status: 200, code: "time-limit-exceeded" });
    await waitFor("the upstream to be let go", () => gone === 1);
  });

  it("do not hold for the role admin", async () => {
    await start({ depth_limit: { global: 0 }, rate_limit: { global: { max_reqs_per_min: 0 } } });
    const admin = { "x-hasura-admin-secret": testAdminSecret };
    expect((await ask({ query: "{ a { b } }" }, admin)).code).toBeUndefined();
    expect((await ask({ query: "{ a { b } }" })).code).toBe("depth-limit-exceeded");
    expect(await ask({ query: "{ a }" })).toMatchObject({ code: "rate-limit-exceeded", retryAfter: null });
  });

  it("count nothing for what is refused behind them", async () => {
    let isOpen = false;
    await start(
      { rate_limit: { global: { max_reqs_per_min: 1 } } },
      {
        name: "behind",
        admit: () =>
          isOpen ? { allowed: true } : { allowed: false, status: 403, code: "no", message: "no" },
      },
    );
    for (let n = 0; n < 3; n += 1) expect((await ask({ query: "{ a }" })).status).toBe(403);
    isOpen = true;
    expect((await ask({ query: "{ a }" })).status).toBe(200);
    expect((await ask({ query: "{ a }" })).status).toBe(429);
  });
});
