import {
  closeWith,
  type ConnectionEffect,
  type ConnectionEvent,
  type ConnectionState,
  type Step,
  withOperation,
  withoutOperation,
} from "./connection.ts";
import { legacyMessages, readLegacyMessage } from "./legacy-messages.ts";

const stay = (state: ConnectionState, ...texts: string[]): Step => ({
  state,
  effects: texts.map((text): ConnectionEffect => ({ type: "send", text })),
});

const startError = (id: string, message: string): readonly string[] => [
  legacyMessages.error(id, JSON.stringify([{ message, extensions: { path: "$", code: "start-failed" } }])),
  legacyMessages.complete(id),
];

const onMessage = (state: ConnectionState, text: string): Step => {
  const read = readLegacyMessage(text);
  if ("reason" in read) return stay(state, legacyMessages.connectionError(read.reason));
  const { message } = read;
  switch (message.type) {
    case "connection_init":
      if (state.phase === "ready") return stay(state, legacyMessages.ack());
      if (state.phase === "connecting") return stay(state);
      return {
        state: { ...state, phase: "connecting" },
        effects: [{ type: "authenticate", payload: message.payload ?? {} }],
      };
    case "start": {
      const { id } = message;
      if (state.operations.has(id)) {
        return stay(state, ...startError(id, `an operation already exists with this id: ${id}`));
      }
      if (state.phase !== "ready") {
        const reason =
          state.refusal === undefined
            ? "start received before the connection is initialised"
            : `cannot start as connection_init failed with : ${state.refusal}`;
        return stay(state, ...startError(id, reason));
      }
      const { query, variables, operationName } = message.payload;
      const request = { query, variables: variables ?? {}, operationName: operationName ?? undefined };
      return { state: withOperation(state, id), effects: [{ type: "start", id, request }] };
    }
    case "stop":
      if (!state.operations.has(message.id)) return stay(state);
      return { state: withoutOperation(state, message.id), effects: [{ type: "stop", id: message.id }] };
    case "connection_terminate":
      return closeWith(state, 1000, "GQL_CONNECTION_TERMINATE received");
  }
};

/** The protocol that Apollo's first clients speak, with Hasura's messages. */
export const legacyStep = (state: ConnectionState, event: ConnectionEvent): Step => {
  if (state.phase === "closed") return stay(state);
  switch (event.type) {
    case "message":
      return onMessage(state, event.text);
    case "init-timeout":
      return state.phase === "opened" && state.refusal === undefined
        ? closeWith(state, 4408, "Connection initialisation timed out")
        : stay(state);
    case "authenticated":
      if (state.phase !== "connecting") return stay(state);
      return stay({ ...state, phase: "ready" }, legacyMessages.ack(), legacyMessages.keepAlive());
    case "refused":
      return stay(
        { ...state, phase: "opened", refusal: event.reason },
        legacyMessages.connectionError(event.reason),
      );
    case "keep-alive":
      return state.phase === "ready" ? stay(state, legacyMessages.keepAlive()) : stay(state);
    case "expired":
      return closeWith(state, 4403, "Token expired");
    case "next":
      if (!state.operations.has(event.id)) return stay(state);
      return stay(state, legacyMessages.data(event.id, event.payload));
    case "failed": {
      if (!state.operations.has(event.id)) return stay(state);
      const { id, errors } = event;
      return stay(
        withoutOperation(state, id),
        event.stage === "running"
          ? legacyMessages.data(id, `{"errors":${errors}}`)
          : legacyMessages.error(id, errors),
        legacyMessages.complete(id),
      );
    }
    case "finished":
      if (!state.operations.has(event.id)) return stay(state);
      return stay(withoutOperation(state, event.id), legacyMessages.complete(event.id));
    case "socket-closed":
      return {
        state: { phase: "closed", operations: new Set() },
        effects: [...state.operations].map((id) => ({ type: "stop", id })),
      };
  }
};
