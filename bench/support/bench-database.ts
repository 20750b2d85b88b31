import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { type Database, silentLogger } from "../../src/core/index.ts";
import { applySeeds, createDatabase, migrate, startEmbeddedPostgres } from "../../src/postgres/index.ts";
import { projectRoot } from "../../src/cli/settings.ts";

export interface BenchDatabase {
  readonly database: Database;
  readonly url: string;
  /** As `18.4`. */
  readonly version: string;
}

export interface BenchDatabaseOptions {
  readonly maxConnections?: number;
  /** No migrations and no seeds. */
  readonly empty?: boolean;
  /** Server settings on top of the defaults. */
  readonly settings?: Readonly<Record<string, string>>;
}

/**
 * Lends a migrated and seeded database that commits durably, for the time of `work`. `BENCH_DATABASE_URL` names another
 * server's empty database instead; it keeps what the bench wrote.
 */
export const withBenchDatabase = async <T>(
  name: string,
  options: BenchDatabaseOptions,
  work: (bench: BenchDatabase) => Promise<T>,
): Promise<T> => {
  const given = process.env["BENCH_DATABASE_URL"];
  const server =
    given === undefined
      ? await startEmbeddedPostgres({
          dataDir: await mkdtemp(join(tmpdir(), `hasura-usage-bench-${name}-`)),
          logger: silentLogger,
          temporary: true,
          settings: { shared_buffers: "512MB", ...options.settings },
        })
      : undefined;
  try {
    const url = given ?? server?.url ?? "";
    const database = createDatabase({
      connectionString: url,
      maxConnections: options.maxConnections ?? 20,
      applicationName: `hasura-usage-bench-${name}`,
    });
    try {
      if (options.empty !== true) {
        await migrate({ database, migrationsDir: join(projectRoot, "hasura", "migrations", "default") });
        await applySeeds({ database, seedsDir: join(projectRoot, "hasura", "seeds", "default") });
      }
      const [row] = await database.query<{ version: string }>(
        "select current_setting('server_version') as version",
      );
      return await work({ database, url, version: row?.version ?? "unknown" });
    } finally {
      await database.close();
    }
  } finally {
    await server?.stop();
  }
};
