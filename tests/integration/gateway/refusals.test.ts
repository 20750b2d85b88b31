import { afterEach, describe, expect, it } from "@jest/globals";
import type { ServerResponse } from "node:http";
import { brotliCompressSync, deflateSync, gzipSync } from "node:zlib";
import { startTestGateway, startTestUpstream, testToken } from "../../support/gateway.ts";

const started: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of started.splice(0).reverse()) await one.stop();
});

const refused = {
  errors: [
    {
      message: "limit of 9007199254740993 messages reached: 9007199254740992 used, 2 more asked",
      extensions: { path: "$", code: "constraint-violation" },
    },
  ],
};
const told = {
  path: "$",
  code: "usage-limit-exceeded",
  reason: "usage-limit-exceeded",
  allowed: false,
  metric: "messages",
  amount: 2,
  used: "9007199254740992",
  reserved: 0,
  limit: "9007199254740993",
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
        expect(extensionsOf(await answer.json())).toEqual(told);
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
