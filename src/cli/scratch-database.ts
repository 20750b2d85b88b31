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

/** Lends a migrated database of an embedded server that exists for the time of `work` only. */
export async function withScratchDatabase<T>(
  name: string,
  work: (database: Database, url: string) => Promise<T>,
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
    const database = createDatabase({
      connectionString: server.url,
      maxConnections: 2,
      applicationName: `hasura-usage-${name}`,
    });
    try {
      await migrate({ database, migrationsDir: join(projectRoot, "hasura", "migrations") });
      return await work(database, server.url);
    } finally {
      await database.close();
    }
  } finally {
    await server.stop();
  }
}
