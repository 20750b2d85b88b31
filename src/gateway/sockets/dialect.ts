import type { GraphQLErrorBody } from "../requests/refusal.ts";

export const graphqlTransportWs = "graphql-transport-ws";
/** The subprotocol of subscriptions-transport-ws; Hasura takes a client without any subprotocol for one of these. */
export const legacyGraphqlWs = "graphql-ws";

/** Where the two protocols differ for somebody in the middle. */
export interface Dialect {
  readonly start: string;
  readonly data: string;
  readonly stop: string;
  /** Frames that end an operation which was not let through. */
  readonly refuse: (id: string, errors: readonly GraphQLErrorBody[]) => readonly string[];
  /** What a client gets whose connection_init names nobody: a close code, or a frame that leaves the socket open. */
  readonly initRefused: (reason: string) => { readonly close: number } | { readonly frame: string };
  /** The same for a frame that is no message. */
  readonly malformed: { readonly close: number } | { readonly frame: string };
  /** What a client gets that starts an operation before the connection is acknowledged. */
  readonly tooEarly: (id: string) => { readonly close: number } | { readonly frames: readonly string[] };
  /** What an id gets that is in use. */
  readonly duplicate: (
    id: string,
  ) => { readonly close: number; readonly reason: string } | { readonly frames: readonly string[] };
  /** Clients of the older protocol send their operations right behind connection_init, without waiting for its answer. */
  readonly startsEarly: boolean;
  /** What a second connection_init gets; in the older protocol it is acknowledged again. */
  readonly initAgain: { readonly close: number } | { readonly frame: string };
}

const json = JSON.stringify;

const transport: Dialect = {
  start: "subscribe",
  data: "next",
  stop: "complete",
  refuse: (id, errors) => [json({ type: "error", id, payload: errors })],
  initRefused: () => ({ close: 4403 }),
  malformed: { close: 4400 },
  tooEarly: () => ({ close: 4401 }),
  duplicate: (id) => ({ close: 4409, reason: `Subscriber for ${id} already exists` }),
  startsEarly: false,
  initAgain: { close: 4429 },
};

const connectionError = (reason: string): { readonly frame: string } => ({
  frame: json({ type: "connection_error", payload: reason }),
});

const legacyRefuse: Dialect["refuse"] = (id, errors) => [
  json({ type: "error", id, payload: { errors } }),
  json({ type: "complete", id }),
];

const startFailed = (id: string, message: string): { readonly frames: readonly string[] } => ({
  frames: legacyRefuse(id, [{ message, extensions: { path: "$", code: "start-failed" } }]),
});

const legacy: Dialect = {
  start: "start",
  data: "data",
  stop: "stop",
  refuse: legacyRefuse,
  initRefused: connectionError,
  malformed: connectionError("parsing ClientMessage failed: Error in $: not a valid message"),
  tooEarly: (id) => startFailed(id, "start received before the connection is initialised"),
  duplicate: (id) => startFailed(id, `an operation already exists with this id: ${id}`),
  startsEarly: true,
  initAgain: { frame: json({ type: "connection_ack" }) },
};

export const dialectOf = (protocol: string): Dialect =>
  protocol === graphqlTransportWs ? transport : legacy;
