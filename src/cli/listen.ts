import { createServer, type RequestListener, type Server, type ServerOptions } from "node:http";
import { type Duplex } from "node:stream";

/** Sockets that became WebSockets: `node:http` forgets them, so closing a server must end them itself. */
const upgraded = new WeakMap<Server, Set<Duplex>>();

/** Listens or throws one line that says which service, which address and why. */
export function listen(
  name: string,
  app: RequestListener,
  port: number,
  host: string,
  options: ServerOptions = {},
): Promise<Server> {
  const server = createServer(options, app);
  const sockets = new Set<Duplex>();
  upgraded.set(server, sockets);
  server.on("upgrade", (_request, socket: Duplex) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const why = error.code === "EADDRINUSE" ? "the port is taken" : error.message;
      reject(new Error(`${name}: cannot listen on ${host}:${String(port)}: ${why}`));
    });
    server.listen(port, host, () => {
      resolve(server);
    });
  });
}

/** The port a server got, which differs from the one asked for when that was 0. */
export function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === "string")
    throw new Error("the server does not listen on a port");
  return address.port;
}

/** Stops taking connections and ends those that idle; the rest is cut after `graceMs`. */
export function closeServer(server: Server, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    const force = setTimeout(() => {
      server.closeAllConnections();
    }, graceMs);
    server.close(() => {
      clearTimeout(force);
      resolve();
    });
    server.closeIdleConnections();
    for (const socket of upgraded.get(server) ?? []) socket.destroy();
  });
}
