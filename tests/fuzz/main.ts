import { join } from "node:path";

import { projectRoot } from "../../src/cli/settings.ts";
import { withScratchDatabase } from "../../src/cli/scratch-database.ts";
import { applySeeds } from "../../src/postgres/index.ts";
import { createFuzzedEngine } from "./engine-under-fuzz.ts";

const reported = 20;

/** `npm run fuzz -- [count] [first seed]`: random operations against the project's own schema. */
const main = async (): Promise<number> => {
  const [count = 100_000, first = 1] = process.argv.slice(2).map(Number);
  const problems: string[] = [];
  await withScratchDatabase("fuzz", async (database) => {
    await applySeeds({ database, seedsDir: join(projectRoot, "hasura", "seeds", "default") });
    const engine = await createFuzzedEngine(database);
    for (let seed = first; seed < first + count && problems.length < reported; seed += 1) {
      problems.push(...(await engine.check(seed)));
      if ((seed - first) % 5_000 === 4_999) console.error(`fuzz       ${String(seed - first + 1)} done`);
    }
    const slowest = engine.slowestPlanMs().toFixed(0);
    await engine.stop();
    console.log(
      `fuzz       ${String(count)} operations, ${String(problems.length)} problems, slowest plan ${slowest} ms of CPU`,
    );
  });
  for (const problem of problems) console.log(`\n${problem}`);
  return problems.length === 0 ? 0 : 1;
};

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    console.error(error);
    process.exit(1);
  },
);
