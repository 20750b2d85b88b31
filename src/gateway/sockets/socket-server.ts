import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { WebSocketServer } from "ws";
import type { ClientAddress } from "../requests/client-address.ts";
import { giveRequestId } from "../observe/request-id.ts";
import { graphqlTransportWs, legacyGraphqlWs } from "./dialect.ts";
import { type Relay, type RelayDeps, relaySocket } from "./relay.ts";

export interface SocketServerDeps extends RelayDeps {
  readonly addressOf: ClientAddress;
  readonly maxPayloadBytes: number;
}

export interface SocketServer {
  upgrade(request: IncomingMessage, stream: Duplex, head: Buffer): void;
  /** Ends every socket with 1001 and waits for their farewells. */
  stop(): Promise<void>;
}

/** How long a client may take to answer the farewell. */
const farewellMs = 500;

export const createSocketServer = (deps: SocketServerDeps): SocketServer => {
  const relays = new Set<Relay>();
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: deps.maxPayloadBytes,
    handleProtocols: (protocols) =>
      protocols.has(graphqlTransportWs)
        ? graphqlTransportWs
        : protocols.has(legacyGraphqlWs)
          ? legacyGraphqlWs
          : false,
  });
  return {
    upgrade: (request, stream, head) => {
      // One for all operations of the socket: what is behind gets no headers but those of its beginning.
      giveRequestId(request);
      sockets.handleUpgrade(request, stream, head, (socket) => {
        const asked = request.headers["sec-websocket-protocol"];
        if (asked !== undefined && socket.protocol === "") {
          socket.close(4406, "Subprotocol not acceptable");
          return;
        }
        const relay = relaySocket(socket, request, deps.addressOf(request), deps);
        relays.add(relay);
        socket.once("close", () => relays.delete(relay));
      });
    },
    stop: async () => {
      for (const relay of relays) relay.close(1001, "the gateway is stopping");
      const timer = setTimeout(() => {
        for (const socket of sockets.clients) socket.terminate();
      }, farewellMs);
      await new Promise<void>((resolve) => sockets.close(() => resolve()));
      clearTimeout(timer);
    },
  };
};
