import { afterEach, describe, expect, it } from "@jest/globals";
import { WebSocket } from "ws";
import type { GatewayDeps } from "../../../../src/gateway/index.ts";
import { createTestClock, type TestClock } from "../../../../src/testing/index.ts";
import { testAdminSecret, startTestGateway, type TestGateway } from "../../../support/gateway.ts";
import {
  connectSocketClient,
  openSocketClient,
  socketProtocols,
  startOf,
  stopOf,
  transportWs,
  type SocketClient,
} from "../../../support/socket-client.ts";
import { startSocketUpstream, type SocketUpstream } from "../../../support/socket-upstream.ts";
import { waitFor } from "../../../support/wait-for.ts";

let upstream: SocketUpstream;
let gateway: TestGateway;
let clock: TestClock;

const start = async (settings: GatewayDeps["settings"] = {}, acknowledges = true): Promise<void> => {
  clock = createTestClock("2026-06-01T12:00:00Z");
  upstream = await startSocketUpstream(undefined, acknowledges);
  gateway = await startTestGateway({ upstream: { kind: "url", url: upstream.url }, settings, clock });
};

afterEach(async () => {
  await gateway.stop();
  await upstream.stop();
});

const connect = (protocol: string): Promise<SocketClient> =>
  connectSocketClient(gateway.url, { "x-hasura-admin-secret": testAdminSecret }, protocol);

const operation = (protocol: string, id: number | string) => ({
  type: startOf(protocol),
  id: String(id),
  payload: { query: "subscription { a }" },
});

const started = (): readonly string[] =>
  (upstream.connections[0]?.frames ?? [])
    .filter(({ type }) => type === "subscribe" || type === "start")
    .map(({ id }) => id ?? "");

describe.each(socketProtocols)("one socket of %s", (protocol) => {
  it("holds five hundred operations of three thousand, and as many again as it gives up", async () => {
    await start({ framesPerSecond: 10_000 });
    const client = await connect(protocol);
    for (let id = 0; id < 3_000; id += 1) client.send(operation(protocol, id));
    await waitFor(
      "the refusals",
      () => client.frames.filter(({ type }) => type === "error").length === 2_500,
    );
    const refused = client.frames.find(({ type }) => type === "error");
    expect(JSON.stringify(refused)).toContain('"code":"too-many-operations"');
    expect(started()).toHaveLength(500);
    client.send({ type: stopOf(protocol), id: "0" });
    client.send(operation(protocol, "new"));
    await waitFor("the next one", () => started().includes("new"));
    expect(client.closed).toBeUndefined();
    client.socket.terminate();
  });

  it("does not make room by an id that is in use", async () => {
    await start({ operationsPerSocket: 1 });
    const client = await connect(protocol);
    client.send(operation(protocol, 1));
    client.send(operation(protocol, 1));
    if (protocol === transportWs) {
      expect(await client.ended()).toEqual({ code: 4409, reason: "Subscriber for 1 already exists" });
      return;
    }
    await client.next("the refusal", ({ type }) => type === "complete");
    expect(client.frames.slice(-2)).toEqual([
      {
        type: "error",
        id: "1",
        payload: {
          errors: [
            {
              message: "an operation already exists with this id: 1",
              extensions: { path: "$", code: "start-failed" },
            },
          ],
        },
      },
      { type: "complete", id: "1" },
    ]);
    client.send(operation(protocol, 2));
    const refusal = await client.next("the limit", ({ type, id }) => type === "error" && id === "2");
    expect(JSON.stringify(refusal)).toContain('"code":"too-many-operations"');
    expect(started()).toEqual(["1"]);
    client.socket.terminate();
  });

  it("that floods is closed with 4429, by messages and by pings; what came in the second before does not count", async () => {
    await start({ framesPerSecond: 100 });
    const client = await connect(protocol);
    const ping = protocol === transportWs ? '{"type":"ping"}' : '{"type":"stop","id":"x"}';
    for (let at = 0; at < 99; at += 1) client.send(ping);
    await waitFor("the frames to be read", () =>
      protocol === transportWs
        ? client.frames.filter(({ type }) => type === "pong").length === 99
        : upstream.connections[0]?.frames.filter(({ type }) => type === "stop").length === 99,
    );
    clock.advance({ seconds: 1 });
    for (let at = 0; at < 99; at += 1) client.send(ping);
    client.send(operation(protocol, "last"));
    await waitFor("the operation", () => started().includes("last"));
    client.socket.ping();
    expect(await client.ended()).toEqual({ code: 4429, reason: "Too many messages" });
    await waitFor(
      "the upstream's end",
      () => upstream.connections[0]?.socket.readyState === WebSocket.CLOSED,
    );
    const other = await connect(protocol);
    for (let at = 0; at < 1_000; at += 1) other.send(ping);
    expect((await other.ended()).code).toBe(4429);
  });

  it("that says nothing is closed after three seconds, and one that nobody acknowledges after fifteen", async () => {
    await start({}, false);
    const silent = await openSocketClient(gateway.url, protocol);
    // The server side is there once it answers.
    silent.socket.ping();
    await new Promise((resolve) => silent.socket.once("pong", resolve));
    clock.advance({ milliseconds: 2_999 });
    expect(silent.closed).toBeUndefined();
    clock.advance({ milliseconds: 1 });
    expect(await silent.ended()).toEqual({ code: 4408, reason: "Connection initialisation timeout" });
    const waiting = await openSocketClient(gateway.url, protocol);
    waiting.send({
      type: "connection_init",
      payload: { headers: { "x-hasura-admin-secret": testAdminSecret } },
    });
    await waitFor("the upstream to be asked", () => upstream.connections[0]?.frames.length === 1);
    clock.advance({ seconds: 15 });
    expect(await waiting.ended()).toEqual({ code: 1013, reason: "the engine is not available" });
  });

  it("whose other end is gone is let go after two pings, with its connection to the upstream", async () => {
    await start();
    const client = await connect(protocol);
    client.send(operation(protocol, 1));
    await waitFor("the operation", () => started().length === 1);
    let pings = 0;
    client.socket.on("ping", () => {
      pings += 1;
    });
    clock.advance({ seconds: 30 });
    await waitFor("the first ping", () => pings === 1);
    // From now on it reads and answers nothing, as behind a cable that was pulled.
    client.socket.pause();
    clock.advance({ seconds: 30 });
    clock.advance({ seconds: 30 });
    await waitFor(
      "the upstream's end",
      () => upstream.connections[0]?.socket.readyState === WebSocket.CLOSED,
    );
    client.socket.terminate();
  });
});
