import express, { type ErrorRequestHandler, type Express } from "express";
import type { IncomingMessage, RequestListener, Server, ServerOptions, ServerResponse } from "node:http";
import type { Clock, Logger } from "../core/index.ts";
import { createAdminApi } from "./admin-api.ts";
import type { Identity } from "./identity/types.ts";
import { answerBrokenRequest } from "./requests/broken-request.ts";
import { createClientAddress } from "./requests/client-address.ts";
import { createGraphqlHandler } from "./requests/graphql-handler.ts";
import { createInFlight } from "./requests/in-flight.ts";
import { createShapeReader } from "./requests/operation-shape.ts";
import { refusals } from "./requests/refusal.ts";
import { sendRefusal } from "./requests/respond.ts";
import { createScopeStage } from "./requests/scope-stage.ts";
import { createTurnedAwayNote } from "./requests/turned-away.ts";
import { createStageRunner } from "./requests/run-stages.ts";
import { createRouteGuard } from "./route-handler.ts";
import type { GatewayRoute } from "./routes.ts";
import { defaultGatewaySettings, type GatewaySettings } from "./settings.ts";
import { createSocketServer } from "./sockets/socket-server.ts";
import type { GatewayObserver, GatewayStage } from "./stage.ts";
import { createHttpUpstream } from "./upstream/http-upstream.ts";
import { createInProcessUpstream } from "./upstream/in-process-upstream.ts";
import type { Upstream, UpstreamPort } from "./upstream/types.ts";

export interface GatewayDeps {
  readonly upstream: Upstream;
  readonly identity: Identity;
  /** In front of all stages, so that they see what those refuse. */
  readonly observers?: readonly GatewayObserver[];
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
  /** For `createServer`: what cannot be set on a server that is there already. */
  readonly serverOptions: ServerOptions;
  /** Timeouts and WebSocket upgrades of `/v1/graphql`; an upgrade of any other path is refused. */
  attach(server: Server): void;
  /** Finishes what is in flight, ends sockets with 1001 and lets the upstream go; the server is the caller's. */
  stop(): Promise<void>;
}

const graphqlPath = "/v1/graphql";

const pathOf = (target: string | undefined): string => (target ?? "").split("?", 1)[0] ?? "";

const createUpstream = (upstream: Upstream, timeoutMs: number): UpstreamPort =>
  upstream.kind === "url"
    ? createHttpUpstream({ url: upstream.url, timeoutMs })
    : createInProcessUpstream(upstream, timeoutMs);

/** The one public door: identity, stages, then the upstream. GraphQL, the mounted routes, and nothing else of Hasura. */
export const createGateway = (deps: GatewayDeps): Gateway => {
  const { identity, clock, logger } = deps;
  const settings = { ...defaultGatewaySettings, ...deps.settings };
  const addressOf = createClientAddress(settings.trustedHops);
  const runStages = createStageRunner(
    [
      ...(deps.observers ?? []),
      createScopeStage(
        new Map(
          (deps.routes ?? []).flatMap(({ path, scope }) => (scope === undefined ? [] : [[path, scope]])),
        ),
      ),
      ...(deps.stages ?? []),
    ],
    logger,
  );
  const noteTurnedAway = createTurnedAwayNote(deps.observers ?? [], logger);
  const upstream = createUpstream(deps.upstream, settings.upstreamTimeoutMs);
  const inFlight = createInFlight();
  const shared = {
    identity,
    runStages,
    noteTurnedAway,
    readShape: createShapeReader(),
    addressOf,
    clock,
    logger,
  };
  const graphql = createGraphqlHandler({
    ...shared,
    send: upstream.send,
    bodyLimitBytes: settings.bodyLimitBytes,
    upstreamTimeoutMs: settings.upstreamTimeoutMs,
  });
  const sockets = createSocketServer({
    ...shared,
    upstream,
    maxPayloadBytes: settings.frameLimitBytes,
    limits: settings,
  });
  const app = express();
  app.disable("x-powered-by");
  app.set("etag", false);
  addHealth(app, upstream, () => inFlight.isStopping);
  if (settings.adminApi) app.use(createAdminApi({ identity, addressOf, upstream, logger }));
  for (const { path, router } of deps.openRoutes ?? []) app.use(path, router);
  const guard = createRouteGuard(shared);
  for (const { path, router } of deps.routes ?? []) app.use(path, guard, router);
  app.use((request, response) => {
    noteTurnedAway("route", { status: 404, code: "not-found" }, { request });
    response.status(404).json({ error: "no such endpoint", code: "not-found" });
  });
  const failed: ErrorRequestHandler = (error: unknown, _request, response, _next) => {
    logger.error({ err: error }, "a route of the gateway failed");
    sendRefusal(response, refusals.internal);
  };
  app.use(failed);

  const handler = (request: IncomingMessage, response: ServerResponse): void => {
    inFlight.enter(response);
    if (pathOf(request.url) !== graphqlPath) {
      app(request, response);
      return;
    }
    graphql(request, response).catch((error: unknown) => {
      logger.error({ err: error }, "a request failed in the gateway");
      sendRefusal(response, refusals.internal);
    });
  };

  return {
    handler,
    serverOptions: { connectionsCheckingInterval: settings.connectionCheckMs },
    attach: (server) => {
      server.headersTimeout = settings.headersTimeoutMs;
      server.requestTimeout = settings.requestTimeoutMs;
      server.timeout = settings.idleTimeoutMs;
      server.on("clientError", (error: NodeJS.ErrnoException, socket) => {
        answerBrokenRequest(error, socket, inFlight.isAnswering(socket), noteTurnedAway);
      });
      server.on("upgrade", (request, socket, head) => {
        socket.on("error", () => socket.destroy());
        if (pathOf(request.url) !== graphqlPath) {
          socket.end("HTTP/1.1 404 Not Found\r\nconnection: close\r\n\r\n");
        } else if (inFlight.isStopping) {
          socket.end("HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\n\r\n");
        } else sockets.upgrade(request, socket, head);
      });
    },
    stop: async () => {
      await Promise.all([sockets.stop(), inFlight.drain(settings.drainMs)]);
      upstream.stop();
    },
  };
};

/** `/healthz` says whether requests can be answered, as Hasura's does; `/readyz` also turns away who stops. */
function addHealth(app: Express, upstream: UpstreamPort, isStopping: () => boolean): void {
  const answer = (path: string, turnsAway: () => boolean): void => {
    app.get(path, async (_request, response) => {
      const isWell = !turnsAway() && (await upstream.isHealthy());
      response
        .status(isWell ? 200 : 503)
        .type("text/plain")
        .send(isWell ? "OK" : "ERROR");
    });
  };
  answer("/healthz", () => false);
  answer("/readyz", isStopping);
}
