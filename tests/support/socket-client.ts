import { WebSocket, type ClientOptions } from "ws";
import { waitFor } from "./wait-for.ts";

export interface Frame {
  readonly type: string;
  readonly id?: string;
  readonly payload?: unknown;
}

export interface SocketClient {
  readonly socket: WebSocket;
  readonly frames: readonly Frame[];
  readonly closed: { readonly code: number; readonly reason: string } | undefined;
  send(frame: Frame | string): void;
  /** The first frame that fits and was not there before `from`. */
  next(what: string, fits: (frame: Frame) => boolean, from?: number): Promise<Frame>;
  ended(): Promise<{ readonly code: number; readonly reason: string }>;
}

export const transportWs = "graphql-transport-ws";
export const legacyWs = "graphql-ws";
export const socketProtocols = [transportWs, legacyWs] as const;

/** A client of `/v1/graphql` that keeps every frame, in either protocol. */
export const openSocketClient = async (
  url: string,
  protocol: string | readonly string[] = transportWs,
  options: ClientOptions = {},
): Promise<SocketClient> => {
  const socket = new WebSocket(
    `${url.replace(/^http/u, "ws")}/v1/graphql`,
    typeof protocol === "string" ? protocol : [...protocol],
    options,
  );
  const frames: Frame[] = [];
  let closed: { code: number; reason: string } | undefined;
  socket.on("message", (data) => frames.push(JSON.parse((data as Buffer).toString("utf8")) as Frame));
  socket.on("error", () => undefined);
  socket.on("close", (code, reason) => {
    closed = { code, reason: reason.toString("utf8") };
  });
  await waitFor("the socket to open", () => socket.readyState !== WebSocket.CONNECTING);
  return {
    socket,
    frames,
    get closed() {
      return closed;
    },
    send: (frame) => {
      socket.send(typeof frame === "string" ? frame : JSON.stringify(frame));
    },
    next: (what, fits, from = 0) => waitFor(what, () => frames.slice(from).find(fits)),
    ended: () => waitFor("the socket to close", () => closed),
  };
};

/** An acknowledged connection of whoever these headers name. */
export const connectSocketClient = async (
  url: string,
  headers: Readonly<Record<string, unknown>>,
  protocol: string = transportWs,
): Promise<SocketClient> => {
  const client = await openSocketClient(url, protocol);
  client.send({ type: "connection_init", payload: { headers } });
  await client.next("the acknowledgement", ({ type }) => type === "connection_ack");
  return client;
};

/** The name of the frame that starts an operation, and of the one that carries its result. */
export const startOf = (protocol: string): string => (protocol === transportWs ? "subscribe" : "start");
export const dataOf = (protocol: string): string => (protocol === transportWs ? "next" : "data");
export const stopOf = (protocol: string): string => (protocol === transportWs ? "complete" : "stop");
