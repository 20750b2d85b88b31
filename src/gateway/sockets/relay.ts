import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { WebSocket } from "ws";
import { type Clock, type Logger, requestIdOf } from "../../core/index.ts";
import type { Caller } from "../caller.ts";
import type { Identity } from "../identity/types.ts";
import { identifyOrRefuse } from "../requests/identify.ts";
import type { ReadShape } from "../requests/operation-shape.ts";
import { refusalError, refuse } from "../requests/refusal.ts";
import type { RunStages } from "../requests/run-stages.ts";
import type { NoteTurnedAway } from "../requests/turned-away.ts";
import { detailPayload } from "../refusals/error-details.ts";
import type { Refused } from "../stage.ts";
import { ownHeaders, upstreamHeaders } from "../upstream/headers.ts";
import type { UpstreamPort, UpstreamSocket } from "../upstream/types.ts";
import { readClientFrame } from "./client-frame.ts";
import { dialectOf } from "./dialect.ts";
import { createFrameQueue } from "./frame-queue.ts";
import { createRunningOperations } from "./operations.ts";
import { readServerFrame } from "./server-frame.ts";

/** One client's socket, as the server that took it sees it. */
export interface Relay {
  close(code: number, reason: string): void;
}

export interface RelayDeps {
  readonly identity: Identity;
  readonly runStages: RunStages;
  readonly noteTurnedAway: NoteTurnedAway;
  readonly upstream: UpstreamPort;
  readonly readShape: ReadShape;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limits: SocketLimits;
}

export interface SocketLimits {
  /** Operations that one socket may have open. */
  readonly operationsPerSocket: number;
  /** Frames that a client may send in a second; above that the socket is closed. */
  readonly framesPerSecond: number;
}

const initTimeoutMs = 3_000;
/** Until the upstream has acknowledged a connection that was let through. */
const acknowledgeMs = 15_000;
const pingEveryMs = 30_000;
/** A client with this much unread: the upstream is not read from until it has caught up. */
const busyBytes = 1024 * 1024;
const calmBytes = 256 * 1024;
/** A client that reads nothing is let go, rather than its results kept in memory. */
const mostUnreadBytes = 16 * 1024 * 1024;

/** A close frame holds 123 bytes of reason. */
const reasonOf = (text: string): string =>
  Buffer.from(text)
    .subarray(0, 123)
    .toString("utf8")
    .replace(/\uFFFD$/u, "");

/** One client's socket: reads its frames, lets its operations pass the stages, and relays the rest. */
export const relaySocket = (
  client: WebSocket,
  request: IncomingMessage,
  address: string,
  deps: RelayDeps,
): Relay => {
  const { clock, logger, limits } = deps;
  const dialect = dialectOf(client.protocol);
  const operations = createRunningOperations();
  const forwarded = { address, encrypted: "encrypted" in request.socket };
  let phase: "opened" | "identifying" | "connecting" | "ready" | "closed" = "opened";
  let upstream: UpstreamSocket | undefined;
  let caller: Caller | undefined;
  let unwatch = (): void => undefined;
  /** The upstream has answered connection_init, or nobody waits for it any more. */
  let initialised = (): void => undefined;
  let alive = true;
  let isHeld = false;
  let windowStart = clock.now().getTime();
  let framesInWindow = 0;
  const cancels = new Map<string, () => void>();

  const later = (name: string, delayMs: number, callback: () => void): void => {
    cancels.get(name)?.();
    if (phase !== "closed") cancels.set(name, clock.schedule(delayMs, callback));
  };

  const end = (): void => {
    if (phase === "closed") return;
    phase = "closed";
    for (const cancel of cancels.values()) cancel();
    unwatch();
    initialised();
    queue.close();
    operations.endAll();
    upstream?.close();
  };

  const close = (code: number, reason: string): void => {
    if (phase === "closed") return;
    end();
    client.close(code, reasonOf(reason));
    // The answer to the farewell stands behind what was not read yet.
    if (client.isPaused) client.resume();
    // Who does not answer the farewell is not waited for.
    clock.schedule(1_000, () => client.terminate());
  };

  const release = (): void => {
    if (!isHeld || client.bufferedAmount > calmBytes) return;
    isHeld = false;
    upstream?.resume();
  };

  const send = (text: string): void => {
    if (phase === "closed") return;
    if (client.bufferedAmount > mostUnreadBytes) {
      end();
      client.terminate();
      return;
    }
    client.send(text, release);
    if (client.bufferedAmount > busyBytes && !isHeld) {
      isHeld = true;
      upstream?.pause();
    }
  };

  const answer = (reply: { readonly close: number } | { readonly frame: string }, reason: string): void => {
    if ("close" in reply) close(reply.close, reason);
    else send(reply.frame);
  };

  const refuseOperation = (id: string, refused: Refused): void => {
    for (const frame of dialect.refuse(id, [refusalError(refused)])) send(frame);
  };

  const fromUpstream = (text: string): void => {
    const frame = readServerFrame(text);
    if (frame.type === "connection_ack") {
      phase = "ready";
      cancels.get("acknowledge")?.();
      initialised();
    }
    if (frame.type === "connection_error" && phase === "connecting") {
      // Told by the upstream where the gateway saw no fault; the client may try again, over a new connection.
      phase = "opened";
      cancels.get("acknowledge")?.();
      unwatch();
      upstream?.close();
      upstream = undefined;
      initialised();
    }
    const detailed = frame.payload === undefined ? undefined : detailPayload(frame.payload);
    operations.note(detailed === undefined ? frame : { ...frame, payload: detailed }, text.length);
    send(
      detailed === undefined ? text : JSON.stringify({ type: frame.type, id: frame.id, payload: detailed }),
    );
  };

  const initialise = async (headers: Readonly<Record<string, string>>): Promise<void> => {
    phase = "identifying";
    cancels.get("init")?.();
    const merged = { ...request.headers, ...headers };
    const identified = await identifyOrRefuse(deps.identity, { headers: merged }, address, logger);
    if ((phase as string) === "closed") return;
    if ("refused" in identified) {
      deps.noteTurnedAway("identity", identified.refused, { request, protocol: "ws" });
      phase = "opened";
      answer(dialect.initRefused(identified.refused.message), identified.refused.message);
      return;
    }
    caller = identified.caller;
    unwatch = deps.identity.watch(caller, (reason) => close(4403, reason));
    phase = "connecting";
    upstream = deps.upstream.open(client.protocol, upstreamHeaders(request.headers, {}, forwarded), {
      unread: () => client.bufferedAmount,
      message: fromUpstream,
      closed: (code, reason) => close(code, reason),
    });
    later("acknowledge", acknowledgeMs, () => close(1013, "the engine is not available"));
    const passed = { ...ownHeaders(headers), ...identified.upstreamHeaders };
    const answered = new Promise<void>((resolve) => {
      initialised = resolve;
    });
    upstream.send(JSON.stringify({ type: "connection_init", payload: { headers: passed } }));
    if (dialect.startsEarly) await answered;
  };

  const start = async (
    text: string,
    { id, query, operationName }: { id: string; query: string; operationName: string | undefined },
  ): Promise<void> => {
    if (phase !== "ready" || caller === undefined || upstream === undefined) {
      const early = dialect.tooEarly(id);
      if ("close" in early) close(early.close, "Unauthorized");
      else early.frames.forEach(send);
      return;
    }
    if (operations.has(id)) {
      // Answered here: what the upstream says of it would look like the end of the operation that goes on.
      const twice = dialect.duplicate(id);
      if ("close" in twice) close(twice.close, twice.reason);
      else twice.frames.forEach(send);
      return;
    }
    if (operations.size >= limits.operationsPerSocket) {
      const message = `more than ${String(limits.operationsPerSocket)} operations on one socket`;
      refuseOperation(id, refuse(429, "too-many-operations", message));
      return;
    }
    const startedAt = performance.now();
    const bytesIn = Buffer.byteLength(text);
    const stages = await deps.runStages({
      id: requestIdOf(request.headers) ?? randomUUID(),
      caller,
      protocol: "ws",
      path: "/v1/graphql",
      headers: request.headers,
      receivedAt: clock.now(),
      bytesIn,
      operations: [deps.readShape(query, operationName)],
    });
    const { refused } = stages;
    if (refused !== undefined) {
      refuseOperation(id, refused);
      const latencyMs = performance.now() - startedAt;
      const { status, code, by: refusedBy } = refused;
      stages.settle({ status, code, refusedBy, latencyMs, bytesIn, bytesOut: 0 });
      return;
    }
    operations.start(id, bytesIn, stages);
    if ((phase as string) === "closed") operations.endAll();
    else upstream.send(text);
  };

  const handle = async (text: string): Promise<void> => {
    const frame = readClientFrame(text, dialect);
    switch (frame.kind) {
      case "malformed":
        answer(dialect.malformed, "Invalid message");
        return;
      case "init":
        if (phase === "ready" || (phase !== "opened" && "close" in dialect.initAgain))
          answer(dialect.initAgain, "Too many initialisation requests");
        else if (phase === "opened") await initialise(frame.headers);
        return;
      case "start":
        await start(text, frame);
        return;
      case "stop":
        operations.end(frame.id);
        upstream?.send(JSON.stringify({ type: dialect.stop, id: frame.id }));
        return;
      case "ping":
        send('{"type":"pong"}');
        return;
      case "terminate":
        close(1000, "GQL_CONNECTION_TERMINATE received");
        return;
      case "idle":
        return;
    }
  };

  const queue = createFrameQueue(
    async (text) => {
      try {
        await handle(text);
      } catch (error) {
        logger.error({ err: error }, "a frame failed in the gateway");
        close(1011, "internal error");
      }
    },
    {
      pause: () => client.pause(),
      resume: () => {
        if (client.readyState === WebSocket.OPEN) client.resume();
      },
    },
  );

  const ping = (): void => {
    if (!alive) {
      end();
      client.terminate();
      return;
    }
    alive = false;
    client.ping();
    later("ping", pingEveryMs, ping);
  };

  /** Whether the client still keeps to what it may send in a second; control frames are frames too. */
  const counts = (): boolean => {
    alive = true;
    const now = clock.now().getTime();
    if (now - windowStart >= 1_000) {
      windowStart = now;
      framesInWindow = 0;
    }
    framesInWindow += 1;
    if (framesInWindow <= limits.framesPerSecond) return true;
    close(4429, "Too many messages");
    return false;
  };

  client.on("message", (data, isBinary) => {
    if (counts()) queue.push(isBinary ? "" : (data as Buffer).toString("utf8"));
  });
  client.on("ping", counts);
  client.on("pong", counts);
  client.on("error", (error) => logger.debug({ err: error }, "a websocket failed"));
  client.on("close", end);
  later("init", initTimeoutMs, () => {
    if (phase === "opened") close(4408, "Connection initialisation timeout");
  });
  later("ping", pingEveryMs, ping);
  return { close };
};
