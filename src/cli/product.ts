import { join } from "node:path";
import { type Clock, type Database, type Logger } from "../core/index.ts";
import { createGate } from "../domain/gate/index.ts";
import { createLeases, leaseHolder } from "../domain/lease/index.ts";
import { createEngine, loadMetadataFolder, type Metadata } from "../engine/index.ts";
import {
  collectDatabaseMetrics,
  collectPoolMetrics,
  createMetricsRegistry,
  createMetricsRoute,
  measureQueues,
  measureWebhooks,
} from "../observability/index.ts";
import { createAuthenticator } from "../auth/index.ts";
import { createTracker } from "../domain/analytics/index.ts";
import { createAccessStore } from "../domain/access/index.ts";
import {
  createAccess,
  createGateway,
  createIdentity,
  createLogStage,
  createMetricsStage,
  createTraceStage,
  createTrackRouter,
  trackPath,
  type Upstream,
  withRequestId,
} from "../gateway/index.ts";
import { createListener, repeatContention } from "../postgres/index.ts";
import { createActionsApp } from "../../actions/app.ts";
import { createDelivery } from "../../actions/delivery/index.ts";
import { registry } from "../../actions/registry.ts";
import { sessionNamesOf } from "../../actions/session-settings.ts";
import { readApiLimits } from "./api-limits.ts";
import { closeServer, listen, portOf } from "./listen.ts";
import { bringUpToDate, hasuraFolder, openDatabase } from "./open-database.ts";
import { requireHasura } from "./real-hasura.ts";
import { gatewaySettings, pollSettings, type Settings } from "./settings.ts";
import { createTraffic } from "./traffic.ts";

export type Step = "database" | "migrations" | "metadata" | "actions" | "engine" | "gateway";

export interface ProductDeps {
  readonly settings: Settings;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Called when a step is done, with what a person wants to read about it. */
  readonly onStep: (step: Step, detail: string) => void;
}

export interface Product {
  readonly database: Database;
  readonly databaseUrl: string;
  readonly urls: {
    readonly gateway: string;
    /** Of a real Hasura; the embedded engine has no address, so that nobody passes the gateway by. */
    readonly hasura: string | undefined;
    readonly actions: string;
  };
  stop(): Promise<void>;
}

const graceMs = 5_000;

/** Starts every part in order; when one fails, those before it are stopped again, so nothing is left behind. */
export async function startProduct({ settings, clock, logger, onStep }: ProductDeps): Promise<Product> {
  const undo: (() => Promise<unknown>)[] = [];
  const stop = async (): Promise<void> => {
    for (const step of undo.splice(0).reverse()) await step();
  };
  const authSettings = {
    adminSecret: settings.secrets.adminSecret,
    jwtSecret: settings.secrets.jwtSecret,
    unauthorizedRole: settings.HASURA_GRAPHQL_UNAUTHORIZED_ROLE,
  };
  const sessionNames = sessionNamesOf(settings);
  let metadata: Promise<Metadata> | undefined;
  const readMetadata = (): Promise<Metadata> => {
    metadata ??= loadMetadataFolder(join(hasuraFolder, "metadata"), {
      carriedOutElsewhere: ["api_limits.yaml"],
    });
    // Whoever needs it hears of a fault; until then nobody may be listening.
    metadata.catch(() => undefined);
    return metadata;
  };
  try {
    const realHasura =
      settings.HASURA_URL === undefined ? undefined : await requireHasura(settings.HASURA_URL);
    if (realHasura !== undefined && settings.DATABASE_URL === undefined)
      throw new Error("HASURA_URL needs DATABASE_URL as well: the database of that Hasura");
    const opened = await openDatabase({
      settings,
      logger,
      applicationName: "hasura-usage",
      onSpawned: () => {
        if (realHasura === undefined) void readMetadata();
      },
    });
    undo.push(() => opened.close());
    const { database, url: databaseUrl } = opened;
    onStep("database", opened.description);
    onStep("migrations", await bringUpToDate(database));

    const metrics = createMetricsRegistry();
    const meter = measureQueues(metrics);
    collectPoolMetrics(metrics, database.sessions);
    collectDatabaseMetrics({ registry: metrics, database, clock, logger });
    const metricsRoute = createMetricsRoute({ registry: metrics, token: settings.METRICS_TOKEN, logger });
    const delivery = createDelivery({ database, clock, logger, settings });
    const repeating = repeatContention(database);
    const leases = createLeases({ database: repeating, clock, logger, meter, holder: leaseHolder() });
    undo.push(() => leases.stop());
    const gate = createGate({ database: repeating, clock, leases, meter });
    const actionsApp = createActionsApp({
      database: repeating,
      delivery,
      gate,
      clock,
      logger,
      registry,
      secret: settings.secrets.actionSecret,
      sessionNames,
      observe: { meter, measure: measureWebhooks(metrics), metrics: metricsRoute },
    });
    const actions = await serve("actions", actionsApp, settings.ACTIONS_PORT);
    delivery.start();
    undo.push(() => delivery.stop());
    onStep("actions", actions.url);

    const upstream: Upstream =
      realHasura === undefined
        ? await startEngine(database, databaseUrl, actions.url)
        : { kind: "url", url: realHasura };
    const authenticator = await createAuthenticator(authSettings, clock);
    const traffic = createTraffic({
      apiLimits: await readApiLimits(join(hasuraFolder, "metadata"), sessionNames),
      database: repeating,
      databaseUrl,
      gate,
      leases,
      settings,
      metrics,
      clock,
      logger,
    });
    undo.push(() => traffic.stop());
    const access = createAccess({
      store: createAccessStore(repeating),
      onOutage: settings.GATEWAY_ON_ACCESS_OUTAGE,
      sessionNames,
      clock,
      logger,
    });
    const listener = createListener({
      connectionString: databaseUrl,
      channels: ["hasura_usage_access"],
      onNotification: ({ payload }) => access.forget(payload),
      onListening: () => access.forget(),
      clock,
      logger,
    });
    undo.push(() => listener.stop());
    const gateway = createGateway({
      upstream,
      identity: createIdentity({
        authenticator,
        access,
        adminSecret: settings.secrets.adminSecret,
        sessionNames,
      }),
      observers: [createMetricsStage(metrics), createLogStage(logger), createTraceStage()],
      stages: traffic.stages,
      openRoutes: [{ path: "/metrics", router: metricsRoute }],
      routes: [
        {
          path: trackPath,
          scope: "events:write",
          router: createTrackRouter({
            tracker: createTracker({ database: repeating, clock, meter }),
            logger,
          }),
        },
      ],
      clock,
      logger,
      settings: gatewaySettings(settings),
    });
    const gatewayServer = await serve(
      "gateway",
      withRequestId(gateway.handler),
      settings.PORT,
      gateway.serverOptions,
    );
    gateway.attach(gatewayServer.server);
    undo.push(() => gateway.stop());
    onStep("gateway", gatewayServer.url);

    const urls = { gateway: gatewayServer.url, hasura: realHasura, actions: actions.url };
    return { database, databaseUrl, urls, stop };
  } catch (error) {
    await stop();
    throw error;
  }

  /** The embedded engine, without a port: its only client is the gateway of this process. */
  async function startEngine(database: Database, databaseUrl: string, actionsUrl: string): Promise<Upstream> {
    const loaded = await readMetadata();
    onStep("metadata", "loaded");
    const engine = await createEngine({
      metadata: loaded,
      database,
      clock,
      logger,
      settings: {
        ...authSettings,
        ...pollSettings(settings),
        stringifyNumericTypes: settings.HASURA_GRAPHQL_STRINGIFY_NUMERIC_TYPES,
        inferFunctionPermissions: settings.HASURA_GRAPHQL_INFER_FUNCTION_PERMISSIONS,
        env: {
          PG_DATABASE_URL: databaseUrl,
          ACTIONS_BASE_URL: actionsUrl,
          ACTION_SECRET: settings.secrets.actionSecret,
        },
      },
    });
    await engine.start();
    undo.push(() => engine.stop());
    onStep("engine", "in this process");
    return {
      kind: "in-process",
      engine,
      isHealthy: () =>
        database.query("select 1").then(
          () => true,
          () => false,
        ),
    };
  }

  async function serve(
    name: string,
    app: Parameters<typeof listen>[1],
    port: number,
    options?: Parameters<typeof listen>[4],
  ) {
    const server = await listen(name, app, port, settings.HOST, options);
    undo.push(() => closeServer(server, graceMs));
    return { server, url: `http://${settings.HOST}:${String(portOf(server))}` };
  }
}
