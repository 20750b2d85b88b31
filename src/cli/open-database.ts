import { join } from "node:path";
import { AppError, type Database, type Logger } from "../core/index.ts";
import {
  applySeeds,
  createDatabase,
  migrate,
  type PooledDatabase,
  startEmbeddedPostgres,
} from "../postgres/index.ts";
import { projectRoot, type Settings } from "./settings.ts";

export interface OpenDatabaseDeps {
  readonly settings: Pick<Settings, "DATABASE_URL" | "DATA_DIR">;
  readonly logger: Logger;
  readonly applicationName: string;
  /** Called while the embedded server comes up. */
  readonly onSpawned?: () => void;
}

export interface OpenDatabase {
  readonly database: PooledDatabase;
  readonly url: string;
  /** What a person wants to read about it; never a password. */
  readonly description: string;
  /** Closes the sessions, and the server if it is the embedded one. */
  close(): Promise<void>;
}

const maxConnections = 20;
const oldestServer = 150_000;

/** Host and port as written in the address: what stands before the last `@` may be a password. */
export const placeOf = (databaseUrl: string): string =>
  /^postgres(?:ql)?:\/\/(?:.*@)?([^/?@]+)/u.exec(databaseUrl)?.[1] ?? "the server of DATABASE_URL";

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nothing listens there",
  ENOTFOUND: "no such host",
  EAI_AGAIN: "no such host",
  ETIMEDOUT: "no answer",
  "28P01": "it refuses the password",
  "28000": "it refuses the user",
  "3D000": "it has no such database",
  "53300": "it has no session left",
};

const unreachable = (place: string, error: AppError): Error => {
  const code = String(error.context["reason"] ?? "");
  const reason = reasons[code] ?? (code === "" ? "no answer" : code);
  return new Error(`database: ${place} cannot be used: ${reason} (DATABASE_URL)`, { cause: error });
};

const requireServer = async (database: Database, place: string): Promise<string> => {
  try {
    const [row] = await database.query<{ number: number; version: string }>(
      `select current_setting('server_version_num')::int as number,
         current_setting('server_version') as version`,
    );
    if (row === undefined || row.number < oldestServer)
      throw new Error(`database: ${place} runs PostgreSQL ${row?.version ?? "?"}; 15 or newer is needed`);
    return row.version.split(" ", 1)[0] ?? row.version;
  } catch (error) {
    if (error instanceof AppError && error.code === "database-unavailable") throw unreachable(place, error);
    throw error;
  }
};

/** The database of `DATABASE_URL`, or else the embedded one. Fails in one line that names where it looked. */
export async function openDatabase(deps: OpenDatabaseDeps): Promise<OpenDatabase> {
  const { settings, logger, applicationName, onSpawned } = deps;
  const given = settings.DATABASE_URL;
  if (given !== undefined) {
    const database = createDatabase({ connectionString: given, maxConnections, applicationName });
    const place = placeOf(given);
    try {
      const version = await requireServer(database, place);
      const description = `PostgreSQL ${version} on ${place}`;
      return { database, url: given, description, close: () => database.close() };
    } catch (error) {
      await database.close();
      throw error;
    }
  }
  const server = await startEmbeddedPostgres({
    dataDir: join(settings.DATA_DIR, "postgres"),
    logger,
    ...(onSpawned === undefined ? {} : { onSpawned }),
  });
  const database = createDatabase({ connectionString: server.url, maxConnections, applicationName });
  return {
    database,
    url: server.url,
    description: `embedded PostgreSQL on port ${String(server.port)}`,
    close: async () => {
      await database.close();
      await server.stop();
    },
  };
}

export const hasuraFolder = join(projectRoot, "hasura");

/** Applies what is missing, with the sample data on the first start; returns what happened, for a person. */
export async function bringUpToDate(database: Database): Promise<string> {
  const { ran } = await migrate({ database, migrationsDir: join(hasuraFolder, "migrations", "default") });
  const seeded = await database.query("select id from billing.plans limit 1");
  if (seeded.length === 0) await applySeeds({ database, seedsDir: join(hasuraFolder, "seeds", "default") });
  return (
    (ran.length > 0 ? `${String(ran.length)} applied` : "up to date") +
    (seeded.length === 0 ? ", sample data seeded" : "")
  );
}
