/** `npm run migrate [up|down] [--to <version>] [--seeds]`: on DATABASE_URL, or on the embedded server's data. */
import { join } from "node:path";
import { parseArgs } from "node:util";

import { AppError, type Logger, silentLogger } from "../core/index.ts";
import { applySeeds, createDatabase, migrate, startEmbeddedPostgres } from "../postgres/index.ts";
import { projectRoot } from "./settings.ts";

const usage = "usage: npm run migrate -- [up|down] [--to <version>] [--seeds]";

const say = (message: string): void => {
  console.log(`migrate    ${message}`);
};

const logger: Logger = {
  ...silentLogger,
  info: (context) => {
    if ("migration" in context && "direction" in context)
      say(`${String(context.direction)} ${String(context.migration)}`);
  },
  warn: (_context, message) => {
    say(message);
  },
};

interface Arguments {
  readonly direction: "up" | "down";
  readonly to: string | undefined;
  readonly seeds: boolean;
}

const readArguments = (): Arguments => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { to: { type: "string" }, seeds: { type: "boolean", default: false } },
  });
  const [direction = "up", ...rest] = positionals;
  if ((direction !== "up" && direction !== "down") || rest.length > 0)
    throw new TypeError("unknown argument");
  return { direction, to: values.to, seeds: values.seeds };
};

const run = async (url: string, { direction, to, seeds }: Arguments): Promise<void> => {
  const database = createDatabase({ connectionString: url, maxConnections: 2, applicationName: "migrate" });
  try {
    const { ran } = await migrate({
      database,
      migrationsDir: join(projectRoot, "hasura", "migrations"),
      direction,
      logger,
      ...(to === undefined ? {} : { to }),
    });
    say(ran.length === 0 ? "nothing to do" : `${String(ran.length)} done`);
    if (!seeds || direction === "down") return;
    for (const name of await applySeeds({ database, seedsDir: join(projectRoot, "hasura", "seeds") }))
      say(`seed ${name}`);
  } finally {
    await database.close();
  }
};

const main = async (): Promise<void> => {
  const chosen = readArguments();
  const url = process.env["DATABASE_URL"];
  if (url !== undefined && url !== "") {
    await run(url, chosen);
    return;
  }
  const dataDir = join(process.env["DATA_DIR"] ?? join(projectRoot, ".data"), "postgres");
  const server = await startEmbeddedPostgres({ dataDir, logger });
  try {
    await run(server.url, chosen);
  } finally {
    await server.stop();
  }
};

main().catch((error: unknown) => {
  if (error instanceof AppError) console.error(`migrate    ${error.message}`);
  else console.error(error instanceof TypeError ? usage : error);
  process.exitCode = 1;
});
