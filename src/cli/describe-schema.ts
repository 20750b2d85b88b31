/** `npm run db:dump`: writes down the schema that the migrations make, for the test that compares it. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";

import { describeSchema } from "../postgres/index.ts";
import { withScratchDatabase } from "./scratch-database.ts";
import { projectRoot } from "./settings.ts";

const target = join(projectRoot, "tests", "integration", "migrations", "schema.txt");

try {
  await withScratchDatabase("dump", async (database) => writeFile(target, await describeSchema(database)));
  console.log(`schema     written to ${target}`);
} catch (error) {
  console.error(`schema     ${error instanceof Error ? error.message : "failed"}`);
  process.exitCode = 1;
}
