import { readClientMessage, serverMessages, type SocketRequest } from "./messages.ts";

export type Phase = "opened" | "connecting" | "ready" | "closed";

/** One WebSocket connection of the graphql-transport-ws protocol. */
export interface ConnectionState {
  readonly phase: Phase;
  readonly operations: ReadonlySet<string>;
  /** Why the last connection_init failed, where the protocol keeps such a connection open. */
  readonly refusal?: string;
}

export type ConnectionEvent =
  | { readonly type: "message"; readonly text: string }
  | { readonly type: "init-timeout" }
  | { readonly type: "authenticated" }
  | { readonly type: "refused"; readonly reason: string }
  | { readonly type: "expired" }
  | { readonly type: "next"; readonly id: string; readonly payload: string }
  | {
      readonly type: "failed";
      readonly id: string;
      readonly errors: string;
      /** Whether the request was refused, or failed while it ran. */
      readonly stage: "planning" | "running";
    }
  | { readonly type: "keep-alive" }
  | { readonly type: "finished"; readonly id: string }
  | { readonly type: "socket-closed" };

export type ConnectionEffect =
  | { readonly type: "send"; readonly text: string }
  | { readonly type: "close"; readonly code: number; readonly reason: string }
  | { readonly type: "authenticate"; readonly payload: Readonly<Record<string, unknown>> }
  | { readonly type: "start"; readonly id: string; readonly request: SocketRequest }
  | { readonly type: "stop"; readonly id: string };

export interface Step {
  readonly state: ConnectionState;
  readonly effects: readonly ConnectionEffect[];
}

export const openConnection: ConnectionState = { phase: "opened", operations: new Set() };

const stay = (state: ConnectionState, ...effects: ConnectionEffect[]): Step => ({ state, effects });

export const closeWith = (state: ConnectionState, code: number, reason: string): Step => ({
  state: { phase: "closed", operations: new Set() },
  effects: [
    ...[...state.operations].map((id): ConnectionEffect => ({ type: "stop", id })),
    // A close frame holds 123 bytes of reason.
    {
      type: "close",
      code,
      reason: Buffer.from(reason)
        .subarray(0, 123)
        .toString("utf8")
        .replace(/\uFFFD$/, ""),
    },
  ],
});

export const withOperation = (state: ConnectionState, id: string): ConnectionState => ({
  ...state,
  operations: new Set([...state.operations, id]),
});

export const withoutOperation = (state: ConnectionState, id: string): ConnectionState => ({
  ...state,
  operations: new Set([...state.operations].filter((present) => present !== id)),
});

const onMessage = (state: ConnectionState, text: string): Step => {
  const message = readClientMessage(text);
  if (message === undefined) return closeWith(state, 4400, "Invalid message");
  switch (message.type) {
    case "connection_init":
      if (state.phase !== "opened") return closeWith(state, 4429, "Too many initialisation requests");
      return {
        state: { ...state, phase: "connecting" },
        effects: [{ type: "authenticate", payload: message.payload ?? {} }],
      };
    case "ping":
      return stay(state, { type: "send", text: serverMessages.pong() });
    case "pong":
      return stay(state);
    case "subscribe": {
      if (state.phase !== "ready") return closeWith(state, 4401, "Unauthorized");
      if (state.operations.has(message.id))
        return closeWith(state, 4409, `Subscriber for ${message.id} already exists`);
      const { query, variables, operationName } = message.payload;
      const request = { query, variables: variables ?? {}, operationName: operationName ?? undefined };
      return {
        state: withOperation(state, message.id),
        effects: [{ type: "start", id: message.id, request }],
      };
    }
    case "complete":
      if (!state.operations.has(message.id)) return stay(state);
      return { state: withoutOperation(state, message.id), effects: [{ type: "stop", id: message.id }] };
  }
};

/** The whole protocol as a function: what to do next and what has changed, without a socket. */
export const step = (state: ConnectionState, event: ConnectionEvent): Step => {
  if (state.phase === "closed") return stay(state);
  switch (event.type) {
    case "message":
      return onMessage(state, event.text);
    case "init-timeout":
      return state.phase === "opened"
        ? closeWith(state, 4408, "Connection initialisation timeout")
        : stay(state);
    case "authenticated":
      if (state.phase !== "connecting") return stay(state);
      return { state: { ...state, phase: "ready" }, effects: [{ type: "send", text: serverMessages.ack() }] };
    case "refused":
      return closeWith(state, 4403, event.reason);
    case "keep-alive":
      return state.phase === "ready"
        ? stay(state, { type: "send", text: serverMessages.ping() })
        : stay(state);
    case "expired":
      return closeWith(state, 4403, "Token expired");
    case "next":
      // A result may arrive after the client has said that it wants no more.
      if (!state.operations.has(event.id)) return stay(state);
      return stay(state, { type: "send", text: serverMessages.next(event.id, event.payload) });
    case "failed":
      if (!state.operations.has(event.id)) return stay(state);
      return {
        state: withoutOperation(state, event.id),
        effects: [{ type: "send", text: serverMessages.error(event.id, event.errors) }],
      };
    case "finished":
      if (!state.operations.has(event.id)) return stay(state);
      return {
        state: withoutOperation(state, event.id),
        effects: [{ type: "send", text: serverMessages.complete(event.id) }],
      };
    case "socket-closed":
      return {
        state: { phase: "closed", operations: new Set() },
        effects: [...state.operations].map((id) => ({ type: "stop", id })),
      };
  }
};
