import { afterEach, describe, expect, it } from "@jest/globals";
import type { RequestListener } from "node:http";
import {
  startTestGateway,
  startTestUpstream,
  type TestGateway,
  type TestUpstream,
} from "../../support/gateway.ts";

let upstream: TestUpstream;
let gateway: TestGateway;

const ask = async (respond: RequestListener): Promise<string> => {
  upstream = await startTestUpstream(respond);
  gateway = await startTestGateway({ upstream: { kind: "url", url: upstream.url } });
  const answer = await fetch(`${gateway.url}/v1/graphql`, { method: "POST", body: '{"query":"{ a }"}' });
  return answer.text();
};

afterEach(async () => {
  await gateway.stop();
  await upstream.stop();
});

const sizes = [1, 60_000, 64 * 1024 - 1, 64 * 1024, 64 * 1024 + 1, 65_600, 70_000, 200_000, 3_000_000];

/** Of this many bytes. What begins like errors is held as long as it may be errors, and let go beyond that. */
const bodies: readonly (readonly [what: string, make: (size: number) => string])[] = [
  ["a list", (size) => `[${"1".repeat(size)}]`],
  ["errors", (size) => `{"errors":["${"1".repeat(size)}"]}`],
  ["rows", (size) => `{"data":"${"1".repeat(size)}"}`],
];

describe.each(bodies)("%s of any length", (_, make) => {
  it.each(sizes)("%d arrives whole, announced or in chunks", async (size) => {
    const body = make(size);
    expect(
      (await ask((_request, response) =>
        response.writeHead(200, { "content-length": body.length }).end(body),
      )) === body,
    ).toBe(true);
    await gateway.stop();
    await upstream.stop();
    const halves = await ask((_request, response) => {
      response.write(body.slice(0, size / 2), () => response.end(body.slice(size / 2)));
    });
    expect(halves === body).toBe(true);
  });
});

describe("an answer that breaks off", () => {
  it("is 502 before its first bytes, and is cut off behind them", async () => {
    const before = ask((_request, response) => {
      response.writeHead(200, { "content-length": 10 });
      response.flushHeaders();
      response.destroy();
    });
    expect(JSON.parse(await before)).toMatchObject({
      errors: [{ extensions: { code: "upstream-unavailable" } }],
    });
    await gateway.stop();
    await upstream.stop();
    const behind = ask((_request, response) => {
      response.writeHead(200, { "content-length": 1_000_000 });
      response.write(`{"data":"${"1".repeat(100_000)}`, () => response.destroy());
    });
    await expect(behind).rejects.toThrow();
  });
});
