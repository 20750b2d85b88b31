import type { IncomingMessage, Server } from "node:http";
import type { Duplex } from "node:stream";

import { WebSocketServer, type WebSocket } from "ws";

import type { HeaderInput } from "../../auth/index.ts";
import { graphqlTransportWs, legacyGraphqlWs } from "../protocol/index.ts";
import { openSession, type SocketDeps, type SocketLink, type SocketSession } from "./socket-session.ts";

const pingEveryMs = 30_000;
const maxMessageBytes = 4 * 1024 * 1024;

export interface SocketServer {
  attach(server: Server, path?: string): void;
  /** Serves a connection whose client is in the same process. */
  open(link: SocketLink, headers: HeaderInput): SocketSession;
  close(): Promise<void>;
}

/** A WebSocket as the client's end of a session, with pings that find out whether it is still there. */
const serve = (socket: WebSocket, upgradeHeaders: HeaderInput, deps: SocketDeps): void => {
  let alive = true;
  const session = openSession(socket, upgradeHeaders, deps);
  let cancel = (): void => undefined;
  const ping = (): void => {
    if (!alive) {
      socket.terminate();
      return;
    }
    alive = false;
    socket.ping();
    cancel = deps.clock.schedule(pingEveryMs, ping);
  };
  socket.on("message", (data, isBinary) => {
    alive = true;
    session.message(isBinary ? "" : data.toString());
  });
  socket.on("pong", () => {
    alive = true;
  });
  socket.on("error", (error) => deps.logger.debug({ error }, "a websocket failed"));
  socket.on("close", () => {
    cancel();
    session.closed();
  });
  cancel = deps.clock.schedule(pingEveryMs, ping);
};

/** graphql-transport-ws on the servers it is attached to; other paths are left to others. */
export const createSocketServer = (deps: SocketDeps): SocketServer => {
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: maxMessageBytes,
    handleProtocols: (protocols) =>
      protocols.has(graphqlTransportWs)
        ? graphqlTransportWs
        : protocols.has(legacyGraphqlWs)
          ? legacyGraphqlWs
          : false,
  });
  const detach: (() => void)[] = [];
  const links = new Set<SocketLink>();

  return {
    attach: (server, path = "/v1/graphql") => {
      const upgrade = (request: IncomingMessage, stream: Duplex, head: Buffer): void => {
        if (new URL(request.url ?? "/", "http://localhost").pathname !== path) {
          // Somebody else may answer on this server; alone, nobody would.
          if (server.listenerCount("upgrade") === 1) stream.destroy();
          return;
        }
        sockets.handleUpgrade(request, stream, head, (socket) => {
          const asked = request.headers["sec-websocket-protocol"];
          if (asked !== undefined && socket.protocol === "") socket.close(4406, "Subprotocol not acceptable");
          else serve(socket, request.headers, deps);
        });
      };
      server.on("upgrade", upgrade);
      detach.push(() => server.off("upgrade", upgrade));
    },
    open: (link, headers) => {
      const session = openSession(link, headers, deps);
      links.add(link);
      return {
        message: session.message,
        closed: () => {
          links.delete(link);
          session.closed();
        },
      };
    },
    close: async () => {
      for (const off of detach) off();
      for (const link of links) link.close(1001, "Server is stopping");
      for (const socket of sockets.clients) socket.close(1001, "Server is stopping");
      // A client that does not answer the close frame must not hold up the end.
      const timer = setTimeout(() => {
        for (const socket of sockets.clients) socket.terminate();
      }, 500);
      await new Promise<void>((resolve) => sockets.close(() => resolve()));
      clearTimeout(timer);
    },
  };
};
