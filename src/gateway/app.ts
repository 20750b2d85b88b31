import express, { type Express } from "express";
import { type Server } from "node:http";
import { type Socket } from "node:net";
import { createProxyMiddleware } from "http-proxy-middleware";
import { type Logger } from "../core/index.ts";

export interface GatewayDeps {
  /** Base address of a Hasura, embedded or real, without a path. */
  readonly upstreamUrl: string;
  readonly logger: Logger;
}

export interface Gateway {
  readonly app: Express;
  /** Passes WebSocket upgrades of `/v1/graphql` on; any other path is closed. */
  attach(server: Server): void;
}

const graphqlPath = "/v1/graphql";

/** The one public door. It passes GraphQL through, over HTTP and `graphql-transport-ws`, and nothing else of Hasura. */
export function createGateway({ upstreamUrl, logger }: GatewayDeps): Gateway {
  const proxy = createProxyMiddleware({
    target: upstreamUrl,
    pathFilter: graphqlPath,
    xfwd: true,
    on: {
      error: (error, _request, response) => {
        logger.error({ err: error }, "upstream failed");
        if (!("writeHead" in response)) {
          response.destroy();
          return;
        }
        if (response.headersSent) {
          response.destroy();
          return;
        }
        response.writeHead(502, { "content-type": "application/json" });
        const extensions = { path: "$", code: "unavailable" };
        response.end(JSON.stringify({ errors: [{ message: "the engine is not available", extensions }] }));
      },
    },
  });
  const app = express();
  app.disable("x-powered-by");
  app.get("/healthz", (_request, response, next) => {
    fetch(`${upstreamUrl}/healthz`, { signal: AbortSignal.timeout(5_000) })
      .then(
        (upstream) =>
          response
            .status(upstream.ok ? 200 : 503)
            .type("text/plain")
            .send(upstream.ok ? "OK" : "ERROR"),
        () => response.status(503).type("text/plain").send("ERROR"),
      )
      .catch(next);
  });
  app.use(proxy);
  app.use((_request, response) => {
    response.status(404).json({ error: "no such endpoint", code: "not-found" });
  });
  return {
    app,
    attach: (server) => {
      server.on("upgrade", (request, socket, head) => {
        const path = (request.url ?? "").split("?", 1)[0];
        if (path === graphqlPath) void proxy.upgrade(request, socket as Socket, head);
        else socket.end("HTTP/1.1 404 Not Found\r\nconnection: close\r\n\r\n");
      });
    },
  };
}
