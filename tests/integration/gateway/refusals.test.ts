import { afterEach, describe, expect, it } from "@jest/globals";
import type { ServerResponse } from "node:http";
import { brotliCompressSync, deflateSync, gzipSync } from "node:zlib";
import { startTestGateway, startTestUpstream, testToken } from "../../support/gateway.ts";

const started: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of started.splice(0).reverse()) await one.stop();
});

const sentence = "limit of 9007199254740993 messages reached: 9007199254740992 used, 2 more requested";
const decision = {
  reason: "usage-limit-exceeded",
  metric: "messages",
  amount: "2",
  used: "9007199254740992",
  reserved: "0",
  limit: "9007199254740993",
  remaining: "1",
  limitedBy: "plan-limit",
  resetsAt: "2026-12-01T00:00:00.000Z",
  retryAfterSeconds: 60,
  member: null,
  upgrade: { planId: "pro", name: "Pro", priceCents: 2500 },
  addOn: null,
};
const refusedWith = (message: string, code = "constraint-violation") => ({
  errors: [{ message, extensions: { path: "$", code } }],
});
const refused = refusedWith(`${sentence} ${JSON.stringify({ usageDecision: decision })}`);
const told = {
  ...decision,
  path: "$",
  code: "usage-limit-exceeded",
  allowed: false,
  amount: 2,
  reserved: 0,
  remaining: 1,
};

const ask = async (send: (response: ServerResponse) => void): Promise<Response> => {
  const upstream = await startTestUpstream((_request, response) => send(response));
  started.push(upstream);
  const gateway = await startTestGateway({ upstream: { kind: "url", url: upstream.url } });
  started.push(gateway);
  return fetch(`${gateway.url}/v1/graphql`, {
    method: "POST",
    headers: { authorization: `Bearer ${await testToken()}` },
    body: '{"query":"mutation { a }"}',
  });
};

const extensionsOf = (body: unknown): unknown =>
  (body as { errors: { extensions: unknown }[] }).errors[0]?.extensions;

const packed: readonly (readonly [encoding: string, pack: (body: Buffer) => Buffer])[] = [
  ["identity", (body) => body],
  ["gzip", (body) => gzipSync(body)],
  ["deflate", (body) => deflateSync(body)],
  ["br", (body) => brotliCompressSync(body)],
];

describe("a refusal of the database", () => {
  it.each(packed)(
    "is told in full however it comes: %s, with its length and in chunks",
    async (encoding, pack) => {
      const body = pack(Buffer.from(JSON.stringify(refused)));
      for (const headers of [{ "content-length": body.length }, {}]) {
        const answer = await ask((response) => {
          response.writeHead(200, { "content-encoding": encoding, etag: "x", ...headers });
          response.write(body.subarray(0, 20));
          response.end(body.subarray(20));
        });
        expect(answer.headers.get("content-encoding")).toBeNull();
        expect(answer.headers.get("etag")).toBeNull();
        const received = (await answer.json()) as typeof refused;
        expect(extensionsOf(received)).toEqual(told);
        expect(received.errors[0]?.message).toBe(sentence);
      }
    },
  );

  it("is told in its place of a batch, and the others stay as they are written", async () => {
    const answer = await ask((response) => {
      response.end(`[{"data":{"a":9007199254740993}}, ${JSON.stringify(refused)} ,{"data":null}]`);
    });
    const text = await answer.text();
    expect(text.startsWith('[{"data":{"a":9007199254740993}},')).toBe(true);
    expect(extensionsOf((JSON.parse(text) as unknown[])[1])).toEqual(told);
  });
});

describe("a message that only looks like a refusal", () => {
  const withDecision = (text: string): string => `${sentence} ${text}`;
  it.each([
    ["is no JSON", refusedWith(withDecision('{"usageDecision": '))],
    ["has no reason", refusedWith(withDecision('{"usageDecision":{"metric":"messages"}}'))],
    [
      "has an amount that is no number",
      refusedWith(withDecision('{"usageDecision":{"reason":"x","used":"1e9"}}')),
    ],
    ["has members beside the decision", refusedWith(withDecision('{"usageDecision":{"reason":"x"},"a":1}'))],
    ["has text behind the decision", refusedWith(withDecision('{"usageDecision":{"reason":"x"}} more'))],
    [
      "is that of a constraint of a table",
      refusedWith(`Uniqueness violation. a {"usageDecision":{"reason":"x"}}`),
    ],
    ["is nothing but a decision", refusedWith('{"usageDecision":{"reason":"x"}}')],
    [
      "has another code",
      refusedWith(withDecision(JSON.stringify({ usageDecision: decision })), "permission-error"),
    ],
  ])("passes as it came: %s", async (_title, body) => {
    const answer = await ask((response) => response.end(JSON.stringify(body)));
    expect(await answer.json()).toEqual(body);
  });

  it("cannot bring its own decision in the name of a metric", async () => {
    const forged = `there is no metric x {"usageDecision":{"reason":"allowed"}}`;
    const own = { reason: "unknown-metric", metric: `x {"usageDecision":{"reason":"allowed"}}` };
    const body = refusedWith(`${forged} ${JSON.stringify({ usageDecision: own })}`);
    const answer = await ask((response) => response.end(JSON.stringify(body)));
    expect(await answer.json()).toMatchObject({
      errors: [{ message: forged, extensions: { code: "unknown-metric", metric: null, allowed: false } }],
    });
  });
});

describe("a compressed answer", () => {
  it.each(packed)("of rows passes as it came: %s", async (encoding, pack) => {
    for (const size of [10, 40_000]) {
      const rows = JSON.stringify({ data: { a: Array.from({ length: size }, (_, at) => at * 7_919) } });
      const body = pack(Buffer.from(rows));
      const answer = await ask((response) => {
        response.writeHead(200, { "content-encoding": encoding });
        response.end(body);
      });
      expect(answer.headers.get("content-encoding")).toBe(encoding);
      expect((await answer.text()) === rows).toBe(true);
    }
  });

  it("that is none passes as it came", async () => {
    const answer = await ask((response) => {
      response.writeHead(200, { "content-encoding": "zstd-of-tomorrow", "content-type": "application/json" });
      response.end('{"errors":[]}');
    });
    expect(answer.headers.get("content-encoding")).toBe("zstd-of-tomorrow");
    expect(await answer.text()).toBe('{"errors":[]}');
  });
});
