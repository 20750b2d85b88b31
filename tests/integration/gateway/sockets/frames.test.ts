import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { randomBytes } from "node:crypto";
import { testAdminSecret, startTestGateway, type TestGateway } from "../../../support/gateway.ts";
import { connectRaw, type RawConnection } from "../../../support/raw-http.ts";
import { connectSocketClient, openSocketClient } from "../../../support/socket-client.ts";
import { startSocketUpstream, type SocketUpstream } from "../../../support/socket-upstream.ts";
import { waitFor } from "../../../support/wait-for.ts";

let upstream: SocketUpstream;
let gateway: TestGateway;

beforeAll(async () => {
  upstream = await startSocketUpstream();
  gateway = await startTestGateway({ upstream: { kind: "url", url: upstream.url } });
});
afterAll(async () => {
  await gateway.stop();
  await upstream.stop();
});

const upgrade = async (headers: readonly string[] = ["sec-websocket-protocol: graphql-transport-ws"]) => {
  const raw = connectRaw(gateway.url);
  raw.write(
    [
      "GET /v1/graphql HTTP/1.1",
      "host: x",
      "connection: Upgrade",
      "upgrade: websocket",
      "sec-websocket-version: 13",
      `sec-websocket-key: ${randomBytes(16).toString("base64")}`,
      ...headers,
      "",
      "",
    ].join("\r\n"),
  );
  await waitFor("the answer to the upgrade", () => raw.isClosed || raw.received.includes("\r\n\r\n"));
  return raw;
};

/** A masked frame; `first` is its first byte: the end flag, three reserved bits and the opcode. */
const frame = (first: number, body: Buffer | string, masked = true): Buffer => {
  const bytes = Buffer.from(body);
  const mask = randomBytes(4);
  const flag = masked ? 0x80 : 0;
  const head =
    bytes.length < 126
      ? Buffer.from([first, flag | bytes.length])
      : bytes.length < 65_536
        ? Buffer.from([first, flag | 126, bytes.length >> 8, bytes.length & 0xff])
        : Buffer.concat([Buffer.from([first, flag | 127, 0, 0, 0, 0]), uint32(bytes.length)]);
  if (!masked) return Buffer.concat([head, bytes]);
  return Buffer.concat([head, mask, bytes.map((byte, at) => byte ^ (mask[at % 4] ?? 0))]);
};

const uint32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};

/** The code of the close frame that the server's last words are. */
const closeCodeOf = (raw: RawConnection): number => {
  const bytes = Buffer.from(raw.received, "latin1");
  const at = bytes.indexOf("\r\n\r\n") + 4;
  expect(bytes[at]).toBe(0x88);
  return bytes.readUInt16BE(at + 2);
};

const text = 0x81;
const init = '{"type":"connection_init"}';

describe("frames that are none", () => {
  it.each<readonly [what: string, bytes: () => Buffer, code: number]>([
    ["an opcode that does not exist", () => frame(0x83, "x"), 1002],
    ["a control opcode that does not exist", () => frame(0x8b, "x"), 1002],
    ["a frame without a mask", () => frame(text, init, false), 1002],
    ["the first reserved bit", () => frame(text | 0x40, init), 1002],
    ["the second reserved bit", () => frame(text | 0x20, init), 1002],
    ["the third reserved bit", () => frame(text | 0x10, init), 1002],
    ["a continuation of nothing", () => frame(0x80, init), 1002],
    ["a message within a message", () => Buffer.concat([frame(0x01, "{"), frame(text, init)]), 1002],
    ["a ping in pieces", () => frame(0x09, "x"), 1002],
    ["a ping that is too long", () => frame(0x89, Buffer.alloc(126)), 1002],
    ["text that is no UTF-8", () => frame(text, Buffer.from([0x7b, 0xff, 0xfe, 0x7d])), 1007],
    ["half a surrogate", () => frame(text, Buffer.from([0xed, 0xa0, 0x80])), 1007],
    ["a farewell without a code", () => frame(0x88, "x"), 1002],
    ["a farewell with a code that is none", () => frame(0x88, Buffer.from([0, 1])), 1002],
    ["a megabyte and a byte", () => frame(text, Buffer.alloc(1024 * 1024 + 1, 32)), 1009],
    [
      "a length beyond every memory",
      () => Buffer.from([text, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
      1009,
    ],
    [
      "two megabytes in pieces",
      () => Buffer.concat([frame(0x01, Buffer.alloc(700_000, 32)), frame(0x00, Buffer.alloc(700_000, 32))]),
      1009,
    ],
    [
      "a message in twenty thousand pieces",
      () => Buffer.concat([frame(0x01, "{"), ...Array.from({ length: 20_000 }, () => frame(0x00, " "))]),
      1008,
    ],
    ["binary", () => frame(0x82, init), 4400],
    ["no JSON", () => frame(text, "{"), 4400],
    ["a message without a type", () => frame(text, "{}"), 4400],
    ["a type that does not exist", () => frame(text, '{"type":"nonsense"}'), 4400],
    [
      "a type of the older protocol",
      () => frame(text, '{"type":"start","id":"1","payload":{"query":"{ a }"}}'),
      4400,
    ],
    ["a type that stands there twice", () => frame(text, '{"type":"ping","type":"connection_init"}'), 4400],
    [
      "an operation without an id",
      () => frame(text, '{"type":"subscribe","payload":{"query":"{ a }"}}'),
      4400,
    ],
    [
      "an operation without a document",
      () => frame(text, '{"type":"subscribe","id":"1","payload":{}}'),
      4400,
    ],
    [
      "an operation before connection_init",
      () => frame(text, '{"type":"subscribe","id":"1","payload":{"query":"{ a }"}}'),
      4401,
    ],
    ["two connection_inits", () => Buffer.concat([frame(text, init), frame(text, init)]), 4429],
  ])("%s", async (_, bytes, code) => {
    const raw = await upgrade();
    raw.write(bytes());
    await waitFor("the end of the connection", () => {
      const isOver = raw.isClosed || raw.received.includes("\r\n\r\n\x88");
      if (isOver) raw.destroy();
      return isOver;
    });
    expect(closeCodeOf(raw)).toBe(code);
    // Whoever comes next is served.
    const next = await connectSocketClient(gateway.url, { "x-hasura-admin-secret": testAdminSecret });
    next.socket.terminate();
  });
});

describe("upgrades", () => {
  it("to a subprotocol that nobody speaks end with 4406", async () => {
    for (const protocol of ["soap", "graphql-transport-ws2", "Graphql-Transport-Ws"]) {
      // The client gives up when the server agrees to none; what the server says comes before that.
      const raw = await upgrade([`sec-websocket-protocol: ${protocol}`]);
      await waitFor("the farewell", () => raw.received.includes("\r\n\r\n\x88"));
      expect(closeCodeOf(raw)).toBe(4406);
      raw.destroy();
    }
    const several = await openSocketClient(gateway.url, ["soap", "graphql-ws", "graphql-transport-ws"]);
    expect(several.socket.protocol).toBe("graphql-transport-ws");
    several.socket.terminate();
  });

  it("that are none, or go elsewhere, are refused as HTTP", async () => {
    for (const [headers, status] of [
      [["sec-websocket-protocol: a,,b"], "400"],
      [["sec-websocket-extensions: permessage-deflate; nonsense=1"], "101"],
    ] as const) {
      const raw = await upgrade(headers);
      expect(raw.received.split(" ")[1]).toBe(status);
      raw.destroy();
    }
    for (const [head, status] of [
      ["GET /v1/elsewhere HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n", "404"],
      ["GET /v1/graphql HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n", "400"],
      [
        "GET /v1/graphql HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 12\r\n\r\n",
        "400",
      ],
    ] as const) {
      const raw = connectRaw(gateway.url);
      raw.write(head);
      await waitFor("the end of the connection", () => raw.isClosed);
      expect(raw.received.split(" ")[1]).toBe(status);
    }
  });
});
