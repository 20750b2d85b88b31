import express, { type ErrorRequestHandler } from "express";
import type { RequestListener, Server } from "node:http";
import type { Socket } from "node:net";
import { createProxyMiddleware } from "http-proxy-middleware";
import type { Clock, Logger } from "../core/index.ts";
import type { Identity } from "./identity/types.ts";
import { createClientAddress } from "./requests/client-address.ts";
import { createGraphqlHandler } from "./requests/graphql-handler.ts";
import { createShapeReader } from "./requests/operation-shape.ts";
import { refusals } from "./requests/refusal.ts";
import { sendRefusal } from "./requests/respond.ts";
import { createStageRunner } from "./requests/run-stages.ts";
import { createRouteGuard } from "./route-handler.ts";
import type { GatewayRoute } from "./routes.ts";
import { defaultGatewaySettings, type GatewaySettings } from "./settings.ts";
import type { GatewayStage } from "./stage.ts";
import { createHttpUpstream } from "./upstream/http-upstream.ts";
import type { UrlUpstream } from "./upstream/types.ts";

export interface GatewayDeps {
  readonly upstream: UrlUpstream;
  readonly identity: Identity;
  /** In the order in which requests pass them. */
  readonly stages?: readonly GatewayStage[];
  readonly routes?: readonly GatewayRoute[];
  /** Served without identity and stages, for example metrics. */
  readonly openRoutes?: readonly GatewayRoute[];
  readonly clock: Clock;
  readonly logger: Logger;
  readonly settings?: Partial<GatewaySettings>;
}

export interface Gateway {
  readonly handler: RequestListener;
  /** Timeouts and WebSocket upgrades of `/v1/graphql`; an upgrade of any other path is refused. */
  attach(server: Server): void;
  stop(): Promise<void>;
}

const graphqlPath = "/v1/graphql";

const pathOf = (target: string | undefined): string => (target ?? "").split("?", 1)[0] ?? "";

/** The one public door: identity, stages, then the upstream. GraphQL, the mounted routes, and nothing else of Hasura. */
export const createGateway = (deps: GatewayDeps): Gateway => {
  const { upstream, identity, clock, logger } = deps;
  const settings = { ...defaultGatewaySettings, ...deps.settings };
  const addressOf = createClientAddress(settings.trustedHops);
  const runStages = createStageRunner(deps.stages ?? [], logger);
  const http = createHttpUpstream({ url: upstream.url, timeoutMs: settings.upstreamTimeoutMs });
  const graphql = createGraphqlHandler({
    identity,
    runStages,
    send: http.send,
    readShape: createShapeReader(),
    addressOf,
    clock,
    logger,
    bodyLimitBytes: settings.bodyLimitBytes,
    upstreamTimeoutMs: settings.upstreamTimeoutMs,
  });

  const app = express();
  app.disable("x-powered-by");
  app.set("etag", false);
  app.get("/healthz", async (_request, response) => {
    const isHealthy = await http.isHealthy();
    response
      .status(isHealthy ? 200 : 503)
      .type("text/plain")
      .send(isHealthy ? "OK" : "ERROR");
  });
  for (const { path, router } of deps.openRoutes ?? []) app.use(path, router);
  const guard = createRouteGuard({ identity, runStages, addressOf, clock, logger });
  for (const { path, router } of deps.routes ?? []) app.use(path, guard, router);
  app.use((_request, response) => {
    response.status(404).json({ error: "no such endpoint", code: "not-found" });
  });
  const failed: ErrorRequestHandler = (error: unknown, _request, response, _next) => {
    logger.error({ err: error }, "a route of the gateway failed");
    sendRefusal(response, refusals.internal);
  };
  app.use(failed);

  const sockets = createProxyMiddleware({ target: upstream.url, pathFilter: graphqlPath, xfwd: true });

  return {
    handler: (request, response) => {
      if (pathOf(request.url) !== graphqlPath) {
        app(request, response);
        return;
      }
      graphql(request, response).catch((error: unknown) => {
        logger.error({ err: error }, "a request failed in the gateway");
        sendRefusal(response, refusals.internal);
      });
    },
    attach: (server) => {
      server.headersTimeout = settings.headersTimeoutMs;
      server.requestTimeout = settings.requestTimeoutMs;
      server.on("upgrade", (request, socket, head) => {
        if (pathOf(request.url) === graphqlPath) void sockets.upgrade(request, socket as Socket, head);
        else socket.end("HTTP/1.1 404 Not Found\r\nconnection: close\r\n\r\n");
      });
    },
    stop: () => {
      http.stop();
      return Promise.resolve();
    },
  };
};
