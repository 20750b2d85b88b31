import { WebSocket } from "ws";
import type { HeaderRecord, UpstreamSocket, UpstreamSocketEvents } from "./types.ts";

const handshakeTimeoutMs = 10_000;
const pingEveryMs = 30_000;
const maxPayload = 64 * 1024 * 1024;

/** Codes that a peer may not send stand for a connection that broke. */
const sendable = (code: number): number =>
  code === 1005 ? 1000 : code === 1006 || code === 1015 ? 1013 : code;

const written = (headers: HeaderRecord): Record<string, string | string[]> =>
  Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, typeof value === "string" ? value : [...value]]],
    ),
  );

/** A WebSocket to a Hasura behind an address. */
export const openUrlSocket = (
  url: string,
  protocol: string,
  headers: HeaderRecord,
  events: UpstreamSocketEvents,
): UpstreamSocket => {
  const socket = new WebSocket(url, protocol === "" ? [] : [protocol], {
    headers: written(headers),
    handshakeTimeout: handshakeTimeoutMs,
    perMessageDeflate: false,
    maxPayload,
  });
  const waiting: string[] = [];
  let isOurs = false;
  let alive = true;
  const ping = setInterval(() => {
    if (!alive) {
      socket.terminate();
      return;
    }
    alive = false;
    if (socket.readyState === WebSocket.OPEN) socket.ping();
  }, pingEveryMs);
  ping.unref();
  socket.on("open", () => {
    for (const text of waiting.splice(0)) socket.send(text);
  });
  socket.on("pong", () => {
    alive = true;
  });
  socket.on("message", (data) => {
    alive = true;
    // With the default binary type a message comes as one buffer.
    events.message((data as Buffer).toString("utf8"));
  });
  // Every error is followed by a close.
  socket.on("error", () => undefined);
  socket.on("close", (code, reason) => {
    clearInterval(ping);
    if (isOurs) return;
    const text = reason.toString("utf8");
    events.closed(sendable(code), code === 1006 ? "the engine is not available" : text);
  });
  return {
    send: (text) => {
      if (socket.readyState === WebSocket.OPEN) socket.send(text);
      else if (socket.readyState === WebSocket.CONNECTING) waiting.push(text);
    },
    close: () => {
      isOurs = true;
      // A paused socket would never read the answer to its farewell.
      if (socket.isPaused) socket.resume();
      if (socket.readyState === WebSocket.CONNECTING) socket.terminate();
      else socket.close(1000);
    },
    pause: () => {
      if (socket.readyState === WebSocket.OPEN) socket.pause();
    },
    resume: () => {
      socket.resume();
    },
  };
};
