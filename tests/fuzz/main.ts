import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

import { projectRoot } from "../../src/cli/settings.ts";
import { withScratchDatabase } from "../../src/cli/scratch-database.ts";
import { applySeeds } from "../../src/postgres/index.ts";
import { createFuzzedEngine, planLimitMs } from "./engine-under-fuzz.ts";
import { createTally } from "./tally.ts";

const reported = 20;
/** Caches of documents, plans and statements are full by then; what grows later grows for ever. */
const warmUp = 20_000;
const growthLimitMb = 100;

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;
const heapMb = (): number => {
  collect();
  return process.memoryUsage().heapUsed / 2 ** 20;
};

/** `npm run fuzz -- [count] [first seed]`: random requests against the project's own schema. */
const main = async (): Promise<number> => {
  const [count = 100_000, first = 1] = process.argv.slice(2).map(Number);
  const problems: string[] = [];
  for (const event of ["uncaughtException", "unhandledRejection"] as const) {
    process.on(event, (error: unknown) => problems.push(`${event}: ${String(error)}`));
  }
  await withScratchDatabase("fuzz", async (database, url) => {
    await applySeeds({ database, seedsDir: join(projectRoot, "hasura", "seeds", "default") });
    const engine = await createFuzzedEngine(url, { planLimitMs });
    const tally = createTally();
    const startedAt = performance.now();
    let warmMb: number | undefined;
    for (let seed = first; seed < first + count && problems.length < reported; seed += 1) {
      const checked = await engine.check(seed);
      tally.add(checked);
      problems.push(...checked.problems);
      const done = seed - first + 1;
      if (done === warmUp) warmMb = heapMb();
      if (done % 5_000 === 0) console.error(`fuzz       ${String(done)} done, ${heapMb().toFixed(0)} MB`);
    }
    const seconds = (performance.now() - startedAt) / 1000;
    const endMb = heapMb();
    if (warmMb !== undefined && endMb - warmMb > growthLimitMb) {
      problems.push(`memory grew from ${warmMb.toFixed(0)} to ${endMb.toFixed(0)} MB`);
    }
    // Without a session left there is nobody to ask.
    problems.push(...(await engine.leftovers().catch((error: unknown) => [`leftovers: ${String(error)}`])));
    await engine.stop();
    console.log(tally.report());
    console.log(
      `fuzz       seeds ${String(first)} to ${String(first + count - 1)}, ${String(problems.length)} problems, ` +
        `${seconds.toFixed(0)} s, slowest plan ${engine.slowestPlanMs().toFixed(0)} of ${String(planLimitMs)} ms of CPU, ` +
        `heap ${warmMb === undefined ? "" : `${warmMb.toFixed(0)} to `}${endMb.toFixed(0)} MB`,
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
