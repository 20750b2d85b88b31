import { join } from "node:path";

import { type Database, silentLogger, systemClock } from "../../src/core/index.ts";
import { createEngine, type Engine, loadMetadataFolder } from "../../src/engine/index.ts";
import { createDatabase } from "../../src/postgres/index.ts";
import { projectRoot } from "../../src/cli/settings.ts";
import { benchSecrets } from "./data.ts";

export interface BenchEngine {
  readonly engine: Engine;
  /** Statements sent outside of transactions so far. */
  readonly statements: () => number;
  readonly close: () => Promise<void>;
}

/** The engine on this project's metadata and the database that the parent process named. */
export const openBenchEngine = async (maxConnections: number): Promise<BenchEngine> => {
  const connectionString = process.env["BENCH_SERVER_DATABASE_URL"] ?? "";
  const pool = createDatabase({ connectionString, maxConnections, applicationName: "bench-engine" });
  let statements = 0;
  const database: Database = {
    ...pool,
    query: (text, values, options) => {
      statements += 1;
      return pool.query(text, values, options);
    },
  };
  const engine = await createEngine({
    metadata: await loadMetadataFolder(join(projectRoot, "hasura", "metadata")),
    database,
    clock: systemClock,
    logger: silentLogger,
    settings: {
      ...benchSecrets,
      env: {
        PG_DATABASE_URL: connectionString,
        ACTIONS_BASE_URL: process.env["BENCH_ACTIONS_URL"] ?? "http://127.0.0.1:1",
        ACTION_SECRET: "bench-action-secret",
      },
    },
  });
  return {
    engine,
    statements: () => statements,
    close: async () => {
      await engine.stop();
      await database.close();
    },
  };
};
