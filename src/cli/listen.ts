import { type Express } from "express";
import { createServer, type Server } from "node:http";

/** Listens or throws one line that says which service, which address and why. */
export function listen(name: string, app: Express, port: number, host: string): Promise<Server> {
  const server = createServer(app);
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
  });
}
