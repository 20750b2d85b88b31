/** `npm run db:dump`: writes down the schema that the migrations make, for the test that compares it. */
import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { silentLogger } from "../core/index.ts";
import { createDatabase, describeSchema, migrate, startEmbeddedPostgres } from "../postgres/index.ts";

const root = join(import.meta.dirname, "..", "..");
const target = join(root, "tests", "integration", "migrations", "schema.txt");

const server = await startEmbeddedPostgres({
  dataDir: await mkdtemp(join(tmpdir(), "hasura-usage-dump-")),
  logger: silentLogger,
  temporary: true,
  settings: { fsync: "off" },
});
try {
  const database = createDatabase({
    connectionString: server.url,
    maxConnections: 2,
    applicationName: "db:dump",
  });
  await migrate({ database, migrationsDir: join(root, "hasura", "migrations") });
  await writeFile(target, await describeSchema(database));
  await database.close();
  console.log(`schema     written to ${target}`);
} catch (error) {
  console.error(`schema     ${error instanceof Error ? error.message : "failed"}`);
  process.exitCode = 1;
} finally {
  await server.stop();
}
