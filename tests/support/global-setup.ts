import { join } from "node:path";

import { applySeeds, migrate } from "../../src/postgres/index.ts";
import { startTestServer } from "../../src/testing/index.ts";
import { createTestDatabase, hasuraDir } from "./database.ts";

declare global {
  /** What the teardown ends; both run in Jest's own process. */
  var hasuraUsageTestRun: { readonly stop: () => Promise<void> } | undefined;
}

const migrations = join(hasuraDir, "migrations");
const seeds = join(hasuraDir, "seeds");

/** On a server that others may use too, the template is this run's own and goes with it. */
const fillGivenServer = async (): Promise<() => Promise<void>> => {
  const template = await createTestDatabase({ empty: true, maxConnections: 1 });
  try {
    await migrate({ database: template.database, migrationsDir: migrations });
    await applySeeds({ database: template.database, seedsDir: seeds });
  } catch (error) {
    await template.drop();
    throw error;
  }
  // A database can be cloned only while nobody is connected to it.
  await template.database.close();
  process.env["TEST_DATABASE_TEMPLATE"] = new URL(template.url).pathname.slice(1);
  return () => template.drop();
};

/** The same server as adopters' tests get: in memory where there is room, and migrated once for each content. */
const startOwnServer = async (): Promise<() => Promise<void>> => {
  const server = await startTestServer({ migrations, seeds });
  process.env["TEST_DATABASE_URL"] = server.url;
  process.env["TEST_DATABASE_TEMPLATE"] = server.template;
  return () => server.stop();
};

/** One server a run (`TEST_DATABASE_URL`, or the embedded one) with a migrated and seeded database to clone. */
export default async function globalSetup(): Promise<void> {
  const isGiven = process.env["TEST_DATABASE_URL"] !== undefined;
  globalThis.hasuraUsageTestRun = { stop: await (isGiven ? fillGivenServer() : startOwnServer()) };
}
