import { createServer } from "node:http";
import type { Socket } from "node:net";
import { WebSocketServer, type WebSocket } from "ws";
import { portOf } from "../../src/cli/listen.ts";
import type { Frame } from "./socket-client.ts";

export interface UpstreamConnection {
  readonly socket: WebSocket;
  readonly frames: readonly Frame[];
  readonly headers: Readonly<Record<string, unknown>>;
  send(frame: Frame | string): void;
}

export interface SocketUpstream {
  readonly url: string;
  readonly connections: readonly UpstreamConnection[];
  /** Breaks every connection off, as a process that is killed does. */
  kill(): void;
  stop(): Promise<void>;
}

/** A Hasura's WebSocket that acknowledges and leaves the rest to the test. */
export const startSocketUpstream = async (
  onFrame: (frame: Frame, connection: UpstreamConnection) => void = () => undefined,
  acknowledges = true,
): Promise<SocketUpstream> => {
  const server = createServer();
  const sockets = new WebSocketServer({ server });
  const connections: UpstreamConnection[] = [];
  const streams = new Set<Socket>();
  server.on("connection", (stream: Socket) => {
    streams.add(stream);
    stream.once("close", () => streams.delete(stream));
  });
  sockets.on("connection", (socket, request) => {
    const frames: Frame[] = [];
    const connection: UpstreamConnection = {
      socket,
      frames,
      headers: request.headers,
      send: (frame) => socket.send(typeof frame === "string" ? frame : JSON.stringify(frame)),
    };
    connections.push(connection);
    socket.on("error", () => undefined);
    socket.on("message", (data) => {
      const frame = JSON.parse((data as Buffer).toString("utf8")) as Frame;
      frames.push(frame);
      if (frame.type === "connection_init" && acknowledges) connection.send({ type: "connection_ack" });
      else onFrame(frame, connection);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const kill = (): void => {
    for (const stream of streams) stream.destroy();
  };
  return {
    url: `http://127.0.0.1:${String(portOf(server))}`,
    connections,
    kill,
    stop: async () => {
      kill();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
};
