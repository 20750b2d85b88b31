import { join, resolve } from "node:path";
import { systemClock } from "../core/index.ts";
import { createEngine, loadMetadataFolder } from "../engine/index.ts";
import { refuseSettings, unknownSettings } from "./hasura-settings.ts";
import { openLog } from "./log.ts";
import { closeServer, listen, portOf } from "./listen.ts";
import { bringUpToDate, hasuraFolder, openDatabase } from "./open-database.ts";
import { pollSettings, readSettings } from "./settings.ts";
import { welcome } from "./welcome.ts";

const graceMs = 5_000;

/**
 * The engine alone. With DATABASE_URL for any Hasura project: its metadata from HASURA_METADATA_DIR, else what the database
 * holds. Without it this project's own, on the data of `npm start`.
 */
async function main(): Promise<void> {
  refuseSettings(process.env);
  const settings = readSettings(process.env);
  const log = openLog(settings, process.env, "hasura-usage-engine");
  const { logger } = log;
  const unknown = unknownSettings(process.env);
  if (unknown.length > 0) logger.warn({ unknown }, "these are no settings of Hasura");
  const isOwn = settings.DATABASE_URL === undefined;
  const opened = await openDatabase({ settings, logger, applicationName: "hasura-usage-engine" });
  const { database } = opened;
  if (isOwn) {
    console.log(`database   ${opened.description}`);
    console.log(`migrations ${await bringUpToDate(database)}`);
  }
  const folder = process.env["HASURA_METADATA_DIR"] ?? (isOwn ? join(hasuraFolder, "metadata") : undefined);
  const metadata = folder === undefined ? undefined : await loadMetadataFolder(resolve(folder));
  const own = {
    PG_DATABASE_URL: opened.url,
    ACTIONS_BASE_URL: `http://${settings.HOST}:${String(settings.ACTIONS_PORT)}`,
    ACTION_SECRET: settings.secrets.actionSecret,
  };
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
      enableAllowList: settings.HASURA_GRAPHQL_ENABLE_ALLOWLIST,
      devMode: settings.HASURA_GRAPHQL_DEV_MODE,
      adminInternalErrors: settings.HASURA_GRAPHQL_ADMIN_INTERNAL_ERRORS,
      env: isOwn ? { ...own, ...process.env } : process.env,
    },
  });
  const server = await listen("engine", engine.handler, settings.ENGINE_PORT, settings.HOST);
  engine.attachWebSocket(server);
  await engine.start();
  const url = `http://${settings.HOST}:${String(portOf(server))}`;
  console.log(`engine     ${url}`);
  const stop = (): void => {
    void engine
      .stop()
      .then(() => closeServer(server, graceMs))
      .then(() => opened.close())
      .then(() => log.stop())
      .then(() => process.exit(0));
  };
  process.once("SIGINT", stop);
  process.once("SIGTERM", stop);
  if (!isOwn) return;
  const { secrets } = settings;
  console.log(
    await welcome({ addresses: [["engine", `${url}/v1/graphql`]], endpoint: url, secrets, database }),
  );
}

main().catch((error: unknown) => {
  console.error(`engine: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(1);
});
