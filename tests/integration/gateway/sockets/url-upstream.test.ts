import { afterEach, describe, expect, it } from "@jest/globals";
import { WebSocket } from "ws";
import type { GatewayDeps } from "../../../../src/gateway/index.ts";
import { startTestGateway, testAdminSecret, testToken, type TestGateway } from "../../../support/gateway.ts";
import {
  connectSocketClient,
  dataOf,
  legacyWs,
  openSocketClient,
  socketProtocols,
  startOf,
  transportWs,
  type Frame,
} from "../../../support/socket-client.ts";
import {
  startSocketUpstream,
  type SocketUpstream,
  type UpstreamConnection,
} from "../../../support/socket-upstream.ts";
import { waitFor } from "../../../support/wait-for.ts";

let upstream: SocketUpstream;
let gateway: TestGateway;

const start = async (
  onFrame?: (frame: Frame, connection: UpstreamConnection) => void,
  more: Partial<GatewayDeps> = {},
  acknowledges = true,
): Promise<void> => {
  upstream = await startSocketUpstream(onFrame, acknowledges);
  gateway = await startTestGateway({ upstream: { kind: "url", url: upstream.url }, ...more });
};

afterEach(async () => {
  await gateway.stop();
  await upstream.stop();
});

const admin = { "x-hasura-admin-secret": testAdminSecret };
const operation = (protocol: string) => ({
  type: startOf(protocol),
  id: "1",
  payload: { query: "subscription { a }" },
});

describe.each(socketProtocols)("a Hasura behind an address, %s,", (protocol) => {
  it("gets what the client sent, but for what is not the client's to say", async () => {
    await start();
    const authorization = `Bearer ${await testToken()}`;
    const client = await openSocketClient(gateway.url, protocol, {
      headers: { "x-hasura-user-id": "upgrade", x_hasura_role: "admin", cookie: "a=1", "x-mine": "kept" },
    });
    client.send({
      type: "connection_init",
      payload: {
        headers: {
          Authorization: authorization,
          "X-Hasura-Role": "workspace_admin",
          "X-Hasura-User-Id": "another",
          "X-Forwarded-For": "1.2.3.4",
          Host: "elsewhere",
          "X-Own": "kept",
        },
        other: "dropped",
      },
    });
    await client.next("the acknowledgement", ({ type }) => type === "connection_ack");
    const [connection] = upstream.connections;
    expect(connection?.socket.protocol).toBe(protocol);
    expect(connection?.headers).toMatchObject({
      "x-mine": "kept",
      "x-forwarded-for": "127.0.0.1",
      "x-forwarded-proto": "http",
    });
    for (const name of ["x-hasura-user-id", "x_hasura_role", "cookie", "authorization"])
      expect(connection?.headers).not.toHaveProperty(name);
    expect(connection?.frames).toEqual([
      {
        type: "connection_init",
        payload: {
          headers: { "x-own": "kept", authorization, "x-hasura-role": "workspace_admin", cookie: "a=1" },
        },
      },
    ]);
    client.socket.terminate();
  });

  it("gets and gives numbers as they are written", async () => {
    const result = `{"type":"${dataOf(protocol)}","id":"1","payload":{"data":{"a":9007199254740993}}}`;
    const received: string[] = [];
    await start((_frame, connection) => connection.send(result));
    const client = await connectSocketClient(gateway.url, admin, protocol);
    client.socket.on("message", (data) => received.push((data as Buffer).toString("utf8")));
    const sent = `{"type":"${startOf(protocol)}","id":"1","payload":{"query":"{ a }","variables":{"a":9007199254740993}}}`;
    let passed = "";
    upstream.connections[0]?.socket.on("message", (data) => {
      passed = (data as Buffer).toString("utf8");
    });
    client.send(sent);
    await waitFor("the answer", () => received.length === 1);
    expect([passed, received[0]]).toEqual([sent, result]);
    client.socket.terminate();
  });

  it("that dies in the middle of a subscription closes the client's socket, and the door serves on when it is back", async () => {
    await start();
    const client = await connectSocketClient(gateway.url, admin, protocol);
    client.send(operation(protocol));
    await waitFor("the operation", () => upstream.connections[0]?.frames.length === 2);
    upstream.kill();
    expect(await client.ended()).toEqual({ code: 1013, reason: "the engine is not available" });
    const next = await connectSocketClient(gateway.url, admin, protocol);
    next.socket.terminate();
  });

  it("that is not there closes the socket behind connection_init", async () => {
    await start();
    await upstream.stop();
    const client = await openSocketClient(gateway.url, protocol);
    client.send({ type: "connection_init", payload: { headers: admin } });
    expect(await client.ended()).toEqual({ code: 1013, reason: "the engine is not available" });
    upstream = await startSocketUpstream();
  });

  it("says by its own code why it closes", async () => {
    await start((_frame, { socket }) => socket.close(4403, "Token expired"));
    const client = await connectSocketClient(gateway.url, admin, protocol);
    client.send(operation(protocol));
    expect(await client.ended()).toEqual({ code: 4403, reason: "Token expired" });
  });

  it("is not read from while the client does not read, and loses nothing", async () => {
    const most = 64;
    let sent = 0;
    await start((_frame, connection) => {
      const body = "x".repeat(1024 * 1024);
      const next = (): void => {
        if (sent === most || connection.socket.readyState !== WebSocket.OPEN) return;
        const frame = { type: dataOf(protocol), id: "1", payload: { data: { at: sent, body } } };
        sent += 1;
        // The callback comes once the kernel has taken it.
        connection.socket.send(JSON.stringify(frame), next);
      };
      next();
    });
    const client = await connectSocketClient(gateway.url, admin, protocol);
    client.socket.pause();
    client.send(operation(protocol));
    let last = -1;
    await waitFor("the upstream to stand still", () => {
      const stands = sent > 0 && sent === last;
      last = sent;
      return stands;
    });
    expect(sent).toBeLessThan(most);
    client.socket.resume();
    await waitFor(
      "all of it",
      () => client.frames.filter(({ type }) => type === dataOf(protocol)).length === most,
    );
    const order = client.frames.flatMap(({ type, payload }) =>
      type === dataOf(protocol) ? [(payload as { data: { at: number } }).data.at] : [],
    );
    expect(order).toEqual(Array.from({ length: most }, (_, at) => at));
    client.socket.terminate();
  });
});

describe("a refusal from the upstream", () => {
  it.each([transportWs, legacyWs])("is told in full and in its order (%s)", async (protocol) => {
    const decision = { reason: "usage-limit-exceeded", metric: "channels", used: "1", limit: "1" };
    const message = `limit of 1 channels reached ${JSON.stringify({ usageDecision: decision })}`;
    const errors = [{ message, extensions: { path: "$", code: "constraint-violation" } }];
    await start((_frame, connection) => {
      connection.send(
        protocol === transportWs
          ? { type: "error", id: "1", payload: errors }
          : { type: "data", id: "1", payload: { errors } },
      );
      connection.send({ type: dataOf(protocol), id: "2", payload: { data: { a: 1 } } });
    });
    const client = await connectSocketClient(
      gateway.url,
      { authorization: `Bearer ${await testToken()}` },
      protocol,
    );
    client.send(operation(protocol));
    await client.next("the frame behind it", ({ id }) => id === "2");
    const ids = client.frames.filter(({ id }) => id !== undefined);
    expect(ids.map(({ id }) => id)).toEqual(["1", "2"]);
    const payload = ids[0]?.payload as { errors?: unknown };
    expect(protocol === transportWs ? payload : payload.errors).toMatchObject([
      {
        message: "limit of 1 channels reached",
        extensions: { code: "usage-limit-exceeded", limit: 1, used: 1 },
      },
    ]);
    client.socket.terminate();
  });
});
