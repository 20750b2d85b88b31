import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Database, silentLogger } from "../core/index.ts";
import { createDatabase, migrate, startEmbeddedPostgres } from "../postgres/index.ts";
import { projectRoot } from "./settings.ts";

export interface ScratchDatabaseOptions {
  /** As of `startEmbeddedPostgres`. */
  readonly binariesDir?: string;
  readonly settings?: Readonly<Record<string, string>>;
}

/** Lends an embedded server that exists for the time of `work` only. */
export async function withScratchServer<T>(
  name: string,
  work: (url: string) => Promise<T>,
  { settings, ...options }: ScratchDatabaseOptions = {},
): Promise<T> {
  const server = await startEmbeddedPostgres({
    dataDir: await mkdtemp(join(tmpdir(), `hasura-usage-${name}-`)),
    logger: silentLogger,
    temporary: true,
    settings: { fsync: "off", ...settings },
    ...options,
  });
  try {
    return await work(server.url);
  } finally {
    await server.stop();
  }
}

/** Lends a migrated database of such a server. */
export function withScratchDatabase<T>(
  name: string,
  work: (database: Database, url: string) => Promise<T>,
  options: ScratchDatabaseOptions = {},
): Promise<T> {
  return withScratchServer(
    name,
    async (url) => {
      const database = createDatabase({
        connectionString: url,
        maxConnections: 2,
        applicationName: `hasura-usage-${name}`,
      });
      try {
        await migrate({ database, migrationsDir: join(projectRoot, "hasura", "migrations") });
        return await work(database, url);
      } finally {
        await database.close();
      }
    },
    options,
  );
}
