/** `npm run db:lint`: checks every routine in PL/pgSQL, as migrated, with plpgsql_check. */
import { existsSync } from "node:fs";
import { join } from "node:path";

import { lintReport, lintRoutines, readSources } from "../sql-sources/index.ts";
import { withScratchDatabase } from "./scratch-database.ts";
import { foreignSchemas, sqlDir } from "./sql-sources.ts";

/** Where Debian's packages postgresql-15 and postgresql-15-plpgsql-check put their files: npm has no build of the extension. */
const serverDir = "/usr/lib/postgresql/15";

const say = (message: string): void => {
  console.log(`lint       ${message}`);
};

async function main(): Promise<void> {
  if (!existsSync(join(serverDir, "lib", "plpgsql_check.so")))
    throw new Error(`${serverDir} has no plpgsql_check: apt-get install postgresql-15-plpgsql-check`);
  const findings = await withScratchDatabase(
    "lint",
    (database) => lintRoutines({ database, foreignSchemas }),
    // Debian's server compiles plans by default, which takes longer than each of these queries.
    { binariesDir: serverDir, settings: { jit: "off" } },
  );
  for (const line of lintReport(findings, await readSources(sqlDir))) console.log(line);
  say(findings.length === 0 ? "nothing found" : `${String(findings.length)} found`);
  if (findings.length > 0) process.exitCode = 1;
}

main().catch((error: unknown) => {
  console.error(`lint       ${error instanceof Error ? error.message : "failed"}`);
  process.exitCode = 1;
});
