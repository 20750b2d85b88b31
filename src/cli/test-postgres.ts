/** `npm run test:postgres -- 16 [paths]`: runs the suites that are about SQL on another version of PostgreSQL. */
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger } from "../core/index.ts";
import { createDatabase, startEmbeddedPostgres } from "../postgres/index.ts";
import { fetchedVersions, postgresBinaries } from "./postgres-binaries.ts";
import { runToEnd } from "./run-to-end.ts";
import { projectRoot } from "./settings.ts";

const suites = ["tests/integration/sql", "tests/integration/migrations", "tests/integration/permissions"];

const serverVersion = async (url: string): Promise<string> => {
  const database = createDatabase({ connectionString: url, maxConnections: 1 });
  try {
    const [row] = await database.query<{ version: string }>(
      "select current_setting('server_version') as version",
    );
    return row?.version ?? "of an unknown version";
  } finally {
    await database.close();
  }
};

async function testOn(major: string, paths: readonly string[]): Promise<void> {
  const server = await startEmbeddedPostgres({
    dataDir: await mkdtemp(join(tmpdir(), `hasura-usage-postgres-${major}-`)),
    logger: silentLogger,
    temporary: true,
    settings: { fsync: "off", synchronous_commit: "off", full_page_writes: "off", autovacuum: "off" },
    binariesDir: await postgresBinaries(major),
  });
  try {
    console.log(`postgres   ${await serverVersion(server.url)}`);
    const jest = join(projectRoot, "node_modules", "jest", "bin", "jest.js");
    await runToEnd(process.execPath, ["--experimental-vm-modules", "--no-warnings", jest, ...paths], {
      ...process.env,
      TEST_DATABASE_URL: server.url,
    });
  } finally {
    await server.stop();
  }
}

const [major = "", ...paths] = process.argv.slice(2);
if (!fetchedVersions.includes(major)) {
  console.error(`usage: npm run test:postgres -- ${fetchedVersions.join("|")} [paths]`);
  process.exitCode = 2;
} else {
  try {
    await testOn(major, paths.length > 0 ? paths : suites);
  } catch (error) {
    console.error(`postgres   ${error instanceof Error ? error.message : "failed"}`);
    process.exitCode = 1;
  }
}
