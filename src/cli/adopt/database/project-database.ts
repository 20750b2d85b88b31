import { join } from "node:path";
import { AppError, type Database } from "../../../core/index.ts";
import { createDatabase, migrate } from "../../../postgres/index.ts";
import { refuse } from "../fault.ts";
import type { Project } from "../project/index.ts";
import { type DatabaseFacts, type FactsRequest, readFacts } from "./facts.ts";
import type { WithScratchServer } from "./scratch.ts";

export interface ProjectDatabaseOptions {
  /** A database that has the project's migrations; without it they are applied to a scratch one. */
  readonly databaseUrl: string | undefined;
  readonly withScratchServer: WithScratchServer;
}

const advice =
  "mend it, or name a database that has your migrations with --database-url postgres://...; it is only read";

/** Hasura makes this extension in the databases that it keeps its own tables in, and migrations may rely on it. */
const prepare = (database: Database): Promise<unknown> =>
  database.query("create extension if not exists pgcrypto").catch(() => undefined);

/** Applies a project's migrations to an empty database. Throws the fault of one that fails. */
export const applyMigrations = async (database: Database, migrationsDir: string): Promise<void> => {
  await prepare(database);
  try {
    await migrate({ database, migrationsDir });
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    const message = error.message.split("\n")[0] ?? "";
    throw refuse("migrations-fail", `on an empty scratch database: ${message}`, advice);
  }
};

const readLive = async (url: string, request: FactsRequest): Promise<DatabaseFacts> => {
  const database = createDatabase({
    connectionString: url,
    maxConnections: 1,
    applicationName: "hasura-usage-adopt",
  });
  try {
    return await readFacts(database, request);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    throw refuse(
      "migrations-fail",
      `the database of --database-url cannot be read: ${error.message}`,
      "check the address, the user and the password",
    );
  } finally {
    await database.close();
  }
};

/** What the project's database has once its migrations are applied. */
export const readProjectFacts = (
  { databaseUrl, withScratchServer }: ProjectDatabaseOptions,
  project: Project,
  source: string,
  request: FactsRequest,
): Promise<DatabaseFacts> =>
  databaseUrl === undefined
    ? withScratchServer((server) =>
        server.withDatabase(async (database) => {
          await applyMigrations(database, join(project.root, project.migrations, source));
          return readFacts(database, request);
        }),
      )
    : readLive(databaseUrl, request);
