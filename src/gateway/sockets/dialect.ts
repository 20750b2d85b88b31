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
  initAgain: { close: 4429 },
};

const connectionError = (reason: string): { readonly frame: string } => ({
  frame: json({ type: "connection_error", payload: reason }),
});

const legacyRefuse: Dialect["refuse"] = (id, errors) => [
  json({ type: "error", id, payload: { errors } }),
  json({ type: "complete", id }),
];

const legacy: Dialect = {
  start: "start",
  data: "data",
  stop: "stop",
  refuse: legacyRefuse,
  initRefused: connectionError,
  malformed: connectionError("parsing ClientMessage failed: Error in $: not a valid message"),
  tooEarly: (id) => ({
    frames: legacyRefuse(id, [
      {
        message: "start received before the connection is initialised",
        extensions: { path: "$", code: "start-failed" },
      },
    ]),
  }),
  initAgain: { frame: json({ type: "connection_ack" }) },
};

export const dialectOf = (protocol: string): Dialect =>
  protocol === graphqlTransportWs ? transport : legacy;
