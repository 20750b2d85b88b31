import { afterEach, describe, expect, it } from "@jest/globals";
import { get, request, type IncomingMessage, type ServerResponse } from "node:http";
import type { GatewaySettings } from "../../../../src/gateway/index.ts";
import {
  startTestGateway,
  startTestUpstream,
  testAdminSecret,
  type TestGateway,
  type TestUpstream,
} from "../../../support/gateway.ts";
import { connectRaw, postRaw, readRaw, type RawConnection } from "../../../support/raw-http.ts";
import { waitFor } from "../../../support/wait-for.ts";

let upstream: TestUpstream;
let gateway: TestGateway;

const start = async (
  settings: Partial<GatewaySettings>,
  respond?: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<void> => {
  upstream = await startTestUpstream(respond);
  gateway = await startTestGateway({
    upstream: { kind: "url", url: upstream.url },
    settings: { connectionCheckMs: 20, ...settings },
  });
};

afterEach(async () => {
  await gateway.stop();
  await upstream.stop();
});

const codeOf = (connection: RawConnection): readonly [number, unknown] => {
  const { status, body } = readRaw(connection.received);
  return [
    status,
    (JSON.parse(body) as { errors: { extensions: { code: unknown } }[] }).errors[0]?.extensions.code,
  ];
};

/** Sends a piece again and again, never long silent, until the server has had enough. */
const drip = async (connection: RawConnection, piece: (at: number) => string): Promise<void> => {
  let at = 0;
  await waitFor("the end of the connection", () => {
    if (!connection.isClosed) connection.write(piece(at));
    at += 1;
    return connection.isClosed;
  });
};

/** Waited for: the limits are so short here that a machine under load may miss them with an honest request. */
const serves = (): Promise<unknown> =>
  waitFor("an answer", async () => {
    const asked = postRaw(gateway.url, [["x-hasura-admin-secret", testAdminSecret]], '{"query":"{ a }"}');
    return (await asked).status === 200;
  });

const head = `POST /v1/graphql HTTP/1.1\r\nhost: x\r\nx-hasura-admin-secret: ${testAdminSecret}\r\n`;

describe("a request that comes too slowly is 408, and its connection closed", () => {
  it("with one header after the other", async () => {
    await start({ headersTimeoutMs: 150, requestTimeoutMs: 5_000 });
    const connection = connectRaw(gateway.url);
    connection.write(head);
    await drip(connection, (at) => `x-${String(at)}: 1\r\n`);
    expect(codeOf(connection)).toEqual([408, "request-timeout"]);
    await serves();
    expect(upstream.calls.map(({ body }) => body)).toEqual(['{"query":"{ a }"}']);
  });

  it("with one byte of its body after the other, announced or in chunks", async () => {
    await start({ headersTimeoutMs: 150, requestTimeoutMs: 300 });
    const announced = connectRaw(gateway.url);
    announced.write(`${head}content-length: 1000000\r\n\r\n`);
    await drip(announced, () => " ");
    expect(codeOf(announced)).toEqual([408, "request-timeout"]);
    const chunked = connectRaw(gateway.url);
    chunked.write(`${head}transfer-encoding: chunked\r\n\r\n`);
    await drip(chunked, () => "1\r\n \r\n");
    expect(codeOf(chunked)).toEqual([408, "request-timeout"]);
    await serves();
  });

  it("with nothing at all", async () => {
    await start({ headersTimeoutMs: 150, requestTimeoutMs: 300 });
    const connections = Array.from({ length: 200 }, () => connectRaw(gateway.url));
    await waitFor("the end of all connections", () => connections.every(({ isClosed }) => isClosed));
    await serves();
  });

  it("and one that begins a second request behind a whole one gets the first answer alone", async () => {
    let answer = (): void => undefined;
    await start({ headersTimeoutMs: 2_000, requestTimeoutMs: 2_000 }, (_request, response) => {
      answer = () => response.end('{"data":{"a":1}}');
    });
    const connection = connectRaw(gateway.url);
    connection.write(`${head}content-length: 2\r\n\r\n{}${head}`);
    await waitFor("the upstream to be asked", () => upstream.calls.length === 1);
    await waitFor("the end of the connection", () => connection.isClosed);
    answer();
    // No 408 that would be taken for the answer to the first.
    expect(connection.received).toBe("");
  });
});

describe("a client that does not read", () => {
  const mebibyte = Buffer.alloc(1024 * 1024, 49);
  let written = 0;

  /** Rows without end, as fast as they are taken. */
  const endless = (_request: IncomingMessage, response: ServerResponse): void => {
    written = 0;
    response.writeHead(200, { "content-type": "application/json" });
    response.write('{"data":"');
    const more = (): void => {
      while (!response.destroyed) {
        written += mebibyte.length;
        if (!response.write(mebibyte)) {
          response.once("drain", more);
          return;
        }
      }
    };
    more();
  };

  const asked = (): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      const outgoing = request(`${gateway.url}/v1/graphql`, {
        method: "POST",
        agent: false,
        headers: { "x-hasura-admin-secret": testAdminSecret },
      });
      outgoing.once("response", resolve);
      outgoing.once("error", reject);
      outgoing.end('{"query":"{ a }"}');
    });

  it("stops the upstream after some megabytes, and is let go when nothing has moved for the stated time", async () => {
    await start({ upstreamTimeoutMs: 2_000, idleTimeoutMs: 2_500 }, endless);
    let gone = false;
    upstream.server.on("connection", (socket) => {
      socket.once("close", () => {
        gone = true;
      });
    });
    const answer = await asked();
    const ended = new Promise<string>((resolve) => {
      answer.once("error", (error) => resolve(error.message));
    });
    await waitFor("the upstream to be let go", () => gone);
    // What the kernel holds of five connections' ends, and a buffer of ours; without back-pressure it would be gigabytes.
    expect(written).toBeLessThan(64 * 1024 * 1024);
    answer.resume();
    expect(await ended).toBe("aborted");
  });

  it("that reads again gets on", async () => {
    await start({}, endless);
    const answer = await asked();
    let last = -1;
    await waitFor("the upstream to stand still", () => {
      const stands = written > 0 && written === last;
      last = written;
      return stands;
    });
    const stoodAt = written;
    let read = 0;
    answer.on("data", (chunk: Buffer) => {
      read += chunk.length;
    });
    answer.on("error", () => undefined);
    await waitFor("more than was on the way", () => read > stoodAt + 10 * mebibyte.length);
    answer.destroy();
    await isWell();
  });

  /** The endless upstream never ends an answer: health is asked instead. */
  const isWell = (): Promise<void> =>
    new Promise((resolve, reject) => {
      get(`${gateway.url}/healthz`, (answer) => {
        answer.resume();
        expect(answer.statusCode).toBe(200);
        resolve();
      }).once("error", reject);
    });
});

describe("an upstream that stops", () => {
  it("before its first bytes is 504, behind its head too", async () => {
    await start({ upstreamTimeoutMs: 100, idleTimeoutMs: 10_000 }, (_request, response) => {
      response.writeHead(200);
      response.flushHeaders();
    });
    const answer = await postRaw(
      gateway.url,
      [["x-hasura-admin-secret", testAdminSecret]],
      '{"query":"{ a }"}',
    );
    expect([answer.status, JSON.parse(answer.text)]).toMatchObject([
      504,
      { errors: [{ extensions: { code: "upstream-timeout" } }] },
    ]);
  });

  it("midway is cut off", async () => {
    await start({ upstreamTimeoutMs: 2_000, idleTimeoutMs: 2_500 }, (_request, response) => {
      response.writeHead(200);
      response.write('{"data":"');
    });
    const asked = postRaw(gateway.url, [["x-hasura-admin-secret", testAdminSecret]], '{"query":"{ a }"}');
    await expect(asked).rejects.toThrow("aborted");
  });
});
