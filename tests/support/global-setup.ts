import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { silentLogger } from "../../src/core/index.ts";
import {
  applySeeds,
  type EmbeddedPostgres,
  migrate,
  startEmbeddedPostgres,
} from "../../src/postgres/index.ts";
import { createTestDatabase, hasuraDir, type TestDatabase } from "./database.ts";

/** What the teardown ends; both run in Jest's own process. */
export interface TestRun {
  readonly server: EmbeddedPostgres | undefined;
  readonly template: TestDatabase;
}

declare global {
  var hasuraUsageTestRun: TestRun | undefined;
}

const startServer = async (): Promise<EmbeddedPostgres> =>
  startEmbeddedPostgres({
    dataDir: await mkdtemp(join(tmpdir(), "hasura-usage-tests-")),
    logger: silentLogger,
    temporary: true,
    settings: { fsync: "off", synchronous_commit: "off", full_page_writes: "off", autovacuum: "off" },
  });

/** One server a run (`TEST_DATABASE_URL`, or the embedded one) with a migrated and seeded database to clone. */
export default async function globalSetup(): Promise<void> {
  let server: EmbeddedPostgres | undefined;
  if (process.env["TEST_DATABASE_URL"] === undefined) {
    server = await startServer();
    process.env["TEST_DATABASE_URL"] = server.url;
  }
  try {
    const template = await createTestDatabase({ empty: true, maxConnections: 1 });
    await migrate({ database: template.database, migrationsDir: join(hasuraDir, "migrations") });
    await applySeeds({ database: template.database, seedsDir: join(hasuraDir, "seeds") });
    // A database can be cloned only while nobody is connected to it.
    await template.database.close();
    process.env["TEST_DATABASE_TEMPLATE"] = new URL(template.url).pathname.slice(1);
    globalThis.hasuraUsageTestRun = { server, template };
  } catch (error) {
    await server?.stop();
    throw error;
  }
}
