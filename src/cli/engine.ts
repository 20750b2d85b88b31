import { pino } from "pino";
import { resolve } from "node:path";
import { systemClock } from "../core/index.ts";
import { createEngine, loadMetadataFolder } from "../engine/index.ts";
import { createDatabase } from "../postgres/index.ts";
import { closeServer, listen } from "./listen.ts";
import { pollSettings, readSettings } from "./settings.ts";

/** The engine alone, for any Hasura project: DATABASE_URL and, if set, HASURA_METADATA_DIR; else the metadata that the database holds. */
async function main(): Promise<void> {
  const settings = readSettings(process.env);
  if (settings.DATABASE_URL === undefined) throw new Error("DATABASE_URL must name the database");
  const logger = pino({ level: settings.LOG_LEVEL }, pino.destination(2));
  const folder = process.env["HASURA_METADATA_DIR"];
  const metadata = folder === undefined ? undefined : await loadMetadataFolder(resolve(folder));
  const database = createDatabase({
    connectionString: settings.DATABASE_URL,
    maxConnections: 20,
    applicationName: "hasura-usage-engine",
  });
  const engine = await createEngine({
    ...(metadata === undefined ? {} : { metadata }),
    database,
    clock: systemClock,
    logger,
    settings: {
      adminSecret: settings.secrets.adminSecret,
      jwtSecret: settings.secrets.jwtSecret,
      unauthorizedRole: process.env["HASURA_GRAPHQL_UNAUTHORIZED_ROLE"],
      ...pollSettings(settings),
      stringifyNumericTypes: settings.HASURA_GRAPHQL_STRINGIFY_NUMERIC_TYPES,
      inferFunctionPermissions: settings.HASURA_GRAPHQL_INFER_FUNCTION_PERMISSIONS,
      env: process.env,
    },
  });
  const server = await listen("engine", engine.handler, settings.ENGINE_PORT, settings.HOST);
  engine.attachWebSocket(server);
  await engine.start();
  console.log(`engine     http://${settings.HOST}:${String(settings.ENGINE_PORT)}`);
  const stop = (): void => {
    void engine
      .stop()
      .then(() => closeServer(server, 5_000))
      .then(() => database.close())
      .then(() => process.exit(0));
  };
  process.once("SIGINT", stop);
  process.once("SIGTERM", stop);
}

main().catch((error: unknown) => {
  console.error(`engine: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(1);
});
