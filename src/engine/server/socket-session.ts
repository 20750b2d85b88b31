import type { Span } from "@opentelemetry/api";

import { type Clock, errorTypeOf, type Logger } from "../../core/index.ts";
import {
  readHeaders,
  type Authenticator,
  type HeaderInput,
  type HeaderMap,
  type Session,
} from "../../auth/index.ts";
import {
  graphqlTransportWs,
  legacyStep,
  openConnection,
  step,
  type ConnectionEffect,
  type ConnectionEvent,
  type SocketRequest,
} from "../protocol/index.ts";
import type { LiveQueries, LiveSource } from "../subscriptions/index.ts";
import { errorsJson, type ShowsInternal, toHasuraError } from "./answers.ts";
import { inRequestSpan, nameOperation } from "./request-span.ts";
import type { PreparedRequest, RequestRunner } from "./run-request.ts";

const initTimeoutMs = 3_000;
/** Hasura's default. */
const keepAliveEveryMs = 5_000;
/** A client that has this much unread gets no further results until it has read; live queries then skip to the newest. */
const busyBufferedBytes = 1024 * 1024;
/** A client that still does not read is let go, rather than its results kept in memory. */
const maxBufferedBytes = 16 * 1024 * 1024;

export interface SocketDeps {
  readonly authenticator: Authenticator;
  readonly runner: RequestRunner;
  readonly liveQueries: LiveQueries;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly showsInternal: ShowsInternal;
}

/** The client's end: a WebSocket, or whoever holds one in the same process. */
export interface SocketLink {
  /** The subprotocol agreed on; empty for none. */
  readonly protocol: string;
  /** Bytes that the client has not read yet. */
  readonly bufferedAmount: number;
  send(text: string): void;
  close(code: number, reason: string): void;
  /** Without a farewell. */
  terminate(): void;
}

/** What happens at the client's end. */
export interface SocketSession {
  message(text: string): void;
  closed(): void;
}

const asHeaders = (value: unknown): HeaderInput => {
  if (typeof value !== "object" || value === null) return {};
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, entry]) =>
      typeof entry === "string" ? [[name.toLowerCase(), entry]] : [],
    ),
  );
};

const liveKey = (session: Session, request: SocketRequest): string =>
  JSON.stringify([
    session.role,
    session.backendOnly,
    Object.entries(session.variables).sort(([left], [right]) => (left < right ? -1 : 1)),
    request.query,
    request.operationName ?? null,
    request.variables,
  ]);

/** One connection: feeds what happens to the protocol and does what it says. */
export const openSession = (
  socket: SocketLink,
  upgradeHeaders: HeaderInput,
  deps: SocketDeps,
): SocketSession => {
  const protocolStep = socket.protocol === graphqlTransportWs ? step : legacyStep;
  let state = openConnection;
  let session: Session | undefined;
  let headers: HeaderMap = new Map();
  let ended = false;
  const stops = new Map<string, () => void>();
  const cancels = new Set<() => void>();

  const dispatch = (event: ConnectionEvent): void => {
    const next = protocolStep(state, event);
    state = next.state;
    for (const effect of next.effects) perform(effect);
  };

  const later = (delayMs: number, callback: () => void): void => {
    // Somebody may be found out after the client has gone.
    if (ended) return;
    const cancel = deps.clock.schedule(delayMs, () => {
      cancels.delete(cancel);
      callback();
    });
    cancels.add(cancel);
  };

  const expireAt = (moment: Date): void => {
    const left = moment.getTime() - deps.clock.now().getTime();
    // A timer holds 31 bits of milliseconds.
    if (left > 2_000_000_000) later(2_000_000_000, () => expireAt(moment));
    else later(Math.max(0, left), () => dispatch({ type: "expired" }));
  };

  const authenticate = async (payload: Readonly<Record<string, unknown>>): Promise<void> => {
    const merged = { ...upgradeHeaders, ...asHeaders(payload["headers"]) };
    try {
      session = await deps.authenticator.resolveSession(merged);
      headers = readHeaders(merged);
    } catch (error) {
      dispatch({ type: "refused", reason: toHasuraError(error, deps.logger, upgradeHeaders).message });
      return;
    }
    if (session.expiresAt !== undefined) expireAt(session.expiresAt);
    dispatch({ type: "authenticated" });
    later(keepAliveEveryMs, keepAlive);
  };

  const start = async (id: string, request: SocketRequest): Promise<void> => {
    const asking = session;
    if (asking === undefined) return;
    await inRequestSpan(headers, (span) => begin(id, request, asking, span));
  };

  const begin = async (id: string, request: SocketRequest, asking: Session, span: Span): Promise<void> => {
    const fail = (error: unknown, stage: "planning" | "running"): void => {
      const shown = toHasuraError(error, deps.logger, headers);
      span.setAttribute("error.type", errorTypeOf(shown));
      dispatch({ type: "failed", id, errors: errorsJson(shown, deps.showsInternal(asking.isAdmin)), stage });
    };
    let prepared: PreparedRequest;
    try {
      prepared = deps.runner.prepare(request, asking, headers);
      nameOperation(span, prepared);
      if (prepared.operation === "subscription") {
        const stop = deps.liveQueries.subscribe(() => liveSource(request, asking), {
          ready: () => socket.bufferedAmount < busyBufferedBytes,
          next: (result) => dispatch({ type: "next", id, payload: `{"data":${result}}` }),
          failed: (error) => {
            stops.delete(id);
            fail(error, "running");
          },
        });
        stops.set(id, stop);
        return;
      }
    } catch (error) {
      fail(error, "planning");
      return;
    }
    try {
      const { data } = await prepared.run();
      dispatch({ type: "next", id, payload: `{"data":${data}}` });
      dispatch({ type: "finished", id });
    } catch (error) {
      fail(error, "running");
    }
  };

  /** Planned whenever it is asked for, so that new metadata counts. */
  const liveSource = (request: SocketRequest, asking: Session): LiveSource =>
    deps.runner.prepare(request, asking, headers).live() ?? {
      kind: "run",
      key: liveKey(asking, request),
      run: async () => (await deps.runner.prepare(request, asking, headers).run()).data,
    };

  const perform = (effect: ConnectionEffect): void => {
    switch (effect.type) {
      case "send":
        if (socket.bufferedAmount > maxBufferedBytes) socket.terminate();
        else socket.send(effect.text);
        return;
      case "close":
        socket.close(effect.code, effect.reason);
        return;
      case "authenticate":
        void authenticate(effect.payload);
        return;
      case "start":
        void start(effect.id, effect.request);
        return;
      case "stop":
        stops.get(effect.id)?.();
        stops.delete(effect.id);
        return;
    }
  };

  const keepAlive = (): void => {
    dispatch({ type: "keep-alive" });
    later(keepAliveEveryMs, keepAlive);
  };

  later(initTimeoutMs, () => dispatch({ type: "init-timeout" }));
  return {
    message: (text) => dispatch({ type: "message", text }),
    closed: () => {
      ended = true;
      for (const cancel of cancels) cancel();
      dispatch({ type: "socket-closed" });
    },
  };
};
