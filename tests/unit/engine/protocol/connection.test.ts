import { describe, expect, it } from "@jest/globals";

import {
  openConnection,
  step,
  type ConnectionEffect,
  type ConnectionEvent,
} from "../../../../src/engine/protocol/index.ts";

const message = (value: unknown): ConnectionEvent => ({ type: "message", text: JSON.stringify(value) });
const subscribe = (id: string): ConnectionEvent =>
  message({ type: "subscribe", id, payload: { query: "{ a }" } });

const run = (...events: ConnectionEvent[]): readonly ConnectionEffect[] => {
  let state = openConnection;
  let effects: readonly ConnectionEffect[] = [];
  for (const event of events) ({ state, effects } = step(state, event));
  return effects;
};

const ready: ConnectionEvent[] = [message({ type: "connection_init" }), { type: "authenticated" }];

describe("graphql-transport-ws", () => {
  it("authenticates with the payload of connection_init, then acknowledges", () => {
    expect(run(message({ type: "connection_init", payload: { headers: { a: "b" } } }))).toEqual([
      { type: "authenticate", payload: { headers: { a: "b" } } },
    ]);
    expect(run(...ready)).toEqual([{ type: "send", text: '{"type":"connection_ack"}' }]);
  });

  it("starts, feeds and completes an operation", () => {
    expect(run(...ready, subscribe("1"))).toEqual([
      { type: "start", id: "1", request: { query: "{ a }", variables: {}, operationName: undefined } },
    ]);
    expect(run(...ready, subscribe("1"), { type: "next", id: "1", payload: '{"data":1}' })).toEqual([
      { type: "send", text: '{"type":"next","id":"1","payload":{"data":1}}' },
    ]);
    expect(run(...ready, subscribe("1"), { type: "finished", id: "1" })).toEqual([
      { type: "send", text: '{"type":"complete","id":"1"}' },
    ]);
    expect(
      run(...ready, subscribe("1"), { type: "failed", id: "1", errors: "[]", stage: "running" }),
    ).toEqual([{ type: "send", text: '{"type":"error","id":"1","payload":[]}' }]);
  });

  it("stops on complete and sends nothing afterwards", () => {
    const stop = message({ type: "complete", id: "1" });
    expect(run(...ready, subscribe("1"), stop)).toEqual([{ type: "stop", id: "1" }]);
    expect(run(...ready, subscribe("1"), stop, { type: "next", id: "1", payload: "{}" })).toEqual([]);
    expect(run(...ready, stop)).toEqual([]);
  });

  it("lets an id be used again once its operation has ended", () => {
    expect(run(...ready, subscribe("1"), { type: "finished", id: "1" }, subscribe("1"))).toHaveLength(1);
  });

  it("answers ping in any phase", () => {
    expect(run(message({ type: "ping" }))).toEqual([{ type: "send", text: '{"type":"pong"}' }]);
    expect(run(message({ type: "pong" }))).toEqual([]);
  });

  it.each<[string, number, ConnectionEvent[]]>([
    ["no JSON", 4400, [{ type: "message", text: "{" }]],
    ["an unknown type", 4400, [message({ type: "start" })]],
    ["a subscribe without a query", 4400, [...ready, message({ type: "subscribe", id: "1", payload: {} })]],
    ["a subscribe before the acknowledgement", 4401, [message({ type: "connection_init" }), subscribe("1")]],
    ["a refused session", 4403, [message({ type: "connection_init" }), { type: "refused", reason: "no" }]],
    ["an expired token", 4403, [...ready, { type: "expired" }]],
    ["no connection_init in time", 4408, [{ type: "init-timeout" }]],
    ["an id in use", 4409, [...ready, subscribe("1"), subscribe("1")]],
    ["a second connection_init", 4429, [...ready, message({ type: "connection_init" })]],
  ])("closes on %s with %i", (_, code, events) => {
    expect(run(...events).at(-1)).toMatchObject({ type: "close", code });
  });

  it("stops every operation when the connection ends, by either side", () => {
    const stops = [
      { type: "stop", id: "1" },
      { type: "stop", id: "2" },
    ];
    expect(run(...ready, subscribe("1"), subscribe("2"), { type: "socket-closed" })).toEqual(stops);
    expect(run(...ready, subscribe("1"), subscribe("2"), { type: "expired" })).toEqual([
      ...stops,
      { type: "close", code: 4403, reason: "Token expired" },
    ]);
  });

  it("does nothing after it is closed and ignores a late time limit", () => {
    expect(run(...ready, { type: "init-timeout" })).toEqual([]);
    expect(run({ type: "init-timeout" }, ...ready)).toEqual([]);
  });
});
