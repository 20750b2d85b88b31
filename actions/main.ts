import { systemClock } from "../src/core/index.ts";
import { createGate } from "../src/domain/gate/index.ts";
import { createLeases, leaseHolder } from "../src/domain/lease/index.ts";
import { createDatabase, repeatContention } from "../src/postgres/index.ts";
import {
  collectDatabaseMetrics,
  collectPoolMetrics,
  createAppLogger,
  createErrorReporter,
  createMetricsRegistry,
  createMetricsRoute,
  measureQueues,
  measureWebhooks,
  secretVariables,
  withErrorReports,
  wordsOfAddress,
} from "../src/observability/index.ts";
import { createActionsApp } from "./app.ts";
import { createDelivery } from "./delivery/index.ts";
import { readActionsEnv } from "./env.ts";
import { registry } from "./registry.ts";
import { sessionNamesOf } from "./session-settings.ts";

/** How long requests in flight may take after a stop signal. */
const graceMs = 10_000;

async function main(): Promise<void> {
  const env = readActionsEnv(process.env);
  const secrets = [
    env.ACTION_SECRET,
    env.METRICS_TOKEN ?? "",
    ...[env.DATABASE_URL, env.SMTP_URL, env.ERROR_REPORT_URL].flatMap(wordsOfAddress),
    ...secretVariables(process.env),
  ];
  const plain = createAppLogger({ level: env.LOG_LEVEL, secrets });
  const reporter =
    env.ERROR_REPORT_URL === undefined
      ? undefined
      : createErrorReporter({
          url: env.ERROR_REPORT_URL,
          service: "hasura-usage-actions",
          secrets,
          clock: systemClock,
          logger: plain,
        });
  const logger = reporter === undefined ? plain : withErrorReports(plain, reporter.report);
  const connected = createDatabase({
    connectionString: env.DATABASE_URL,
    maxConnections: 10,
    applicationName: "hasura-usage-actions",
  });
  const delivery = createDelivery({ database: connected, clock: systemClock, logger, settings: env });
  const database = repeatContention(connected);
  const metrics = createMetricsRegistry();
  const meter = measureQueues(metrics);
  const leases = createLeases({ meter, database, clock: systemClock, logger, holder: leaseHolder() });
  collectPoolMetrics(metrics, connected.sessions);
  collectDatabaseMetrics({ registry: metrics, database: connected, clock: systemClock, logger });
  const app = createActionsApp({
    database,
    delivery,
    gate: createGate({ meter, database, clock: systemClock, leases }),
    clock: systemClock,
    logger,
    registry,
    secret: env.ACTION_SECRET,
    sessionNames: sessionNamesOf(env),
    observe: {
      meter,
      measure: measureWebhooks(metrics),
      metrics: createMetricsRoute({ registry: metrics, token: env.METRICS_TOKEN, logger }),
    },
  });
  const server = app.listen(env.ACTIONS_PORT, env.HOST, (error?: Error) => {
    if (error === undefined) {
      delivery.start();
      logger.info({ port: env.ACTIONS_PORT }, "actions listening");
      return;
    }
    console.error(`actions: cannot listen on ${env.HOST}:${String(env.ACTIONS_PORT)}: ${error.message}`);
    process.exit(1);
  });
  const stop = (): void => {
    const force = setTimeout(() => {
      server.closeAllConnections();
    }, graceMs);
    force.unref();
    server.close(() => {
      void Promise.all([delivery.stop(), leases.stop()])
        .then(() => database.close())
        .then(() => reporter?.stop())
        .then(() => process.exit(0));
    });
    server.closeIdleConnections();
  };
  process.once("SIGINT", stop);
  process.once("SIGTERM", stop);
}

main().catch((error: unknown) => {
  console.error(`actions: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(1);
});
