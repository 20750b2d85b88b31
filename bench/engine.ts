import { signToken } from "../src/cli/sample.ts";
import { benchSecrets, fillBenchData, type BenchWorkspace } from "./engine/data.ts";
import { measureFanOut } from "./engine/fan-out.ts";
import { operations, type BenchOperation } from "./engine/operations.ts";
import {
  atLeast,
  type BenchContext,
  type BenchGoal,
  type BenchReport,
  type BenchRow,
  interleave,
  type LoadTarget,
  loadFor,
  type Served,
  startServed,
  withBenchDatabase,
} from "./support/index.ts";

const connections = 16;
const durationMs = 1_000;
const rounds = 5;

interface Sample {
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly cpuUs: number;
}

interface Asker {
  readonly workspace: BenchWorkspace;
  readonly token: string;
}

const sampleOf = async (served: Served, target: LoadTarget): Promise<Sample> => {
  const before = await served.usage();
  const { requests, requestsPerSecond, p50Ms, p99Ms } = await loadFor(target, { connections, durationMs });
  const after = await served.usage();
  return { requestsPerSecond, p50Ms, p99Ms, cpuUs: (after.cpuUs - before.cpuUs) / requests };
};

/** Each request asks for the next workspace, so that no answer is the one before. */
const inTurn = <T>(items: readonly T[]): (() => T) => {
  let at = 0;
  return () => {
    at = (at + 1) % items.length;
    return items[at] as T;
  };
};

const engineTarget = (served: Served, operation: BenchOperation, next: () => Asker): LoadTarget => ({
  port: served.port,
  path: "/v1/graphql",
  next: () => {
    const { token, workspace } = next();
    return {
      headers: { authorization: `Bearer ${token}` },
      body: JSON.stringify({ query: operation.query, variables: operation.variables(workspace) }),
    };
  },
});

const handWrittenTarget = (served: Served, operation: BenchOperation, next: () => Asker): LoadTarget => ({
  port: served.port,
  path: `/${operation.name}`,
  next: () => {
    const { workspace } = next();
    return { headers: { "x-session": "{}" }, body: JSON.stringify(operation.values(workspace)) };
  },
});

export const run = async (context: BenchContext): Promise<BenchReport> =>
  withBenchDatabase("engine", { maxConnections: 4 }, async ({ database, url, version }) => {
    context.log("filling the database");
    const workspaces = await fillBenchData(database);
    const askers = await Promise.all(
      workspaces.map(async (workspace) => ({
        workspace,
        token: await signToken(benchSecrets.jwtSecret, workspace, ["user"]),
      })),
    );
    const env = { BENCH_SERVER_DATABASE_URL: url };
    const engine = await startServed("bench/engine/engine-server.ts", {
      env: { ...env, BENCH_NODE_FLAGS: process.env["BENCH_ENGINE_FLAGS"] ?? "" },
    });
    const byHand = await startServed("bench/engine/hand-written-server.ts", { env });
    const wanted =
      context.args.length === 0 ? operations : operations.filter(({ name }) => context.args.includes(name));
    const rows: BenchRow[] = [];
    const goals: BenchGoal[] = [];
    try {
      for (const operation of wanted) {
        context.log(`measuring ${operation.name}`);
        const next = inTurn(askers);
        const result = await interleave<Sample>(
          [
            {
              name: "by hand",
              measure: () => sampleOf(byHand, handWrittenTarget(byHand, operation, next)),
            },
            { name: "engine", measure: () => sampleOf(engine, engineTarget(engine, operation, next)) },
          ],
          { rounds, warmUps: 2 },
        );
        for (const variant of ["by hand", "engine"]) {
          rows.push({
            operation: operation.name,
            variant,
            requestsPerSecond: result.median(variant, (sample) => sample.requestsPerSecond),
            ratio: result.ratio(variant, "by hand", (sample) => sample.requestsPerSecond),
            p50Ms: result.median(variant, (sample) => sample.p50Ms),
            p99Ms: result.median(variant, (sample) => sample.p99Ms),
            cpuUs: result.median(variant, (sample) => sample.cpuUs),
          });
        }
        if (operation.name === "list") {
          const ratio = result.ratio("engine", "by hand", (sample) => sample.requestsPerSecond);
          goals.push(atLeast("P8", "list of 20 rows against hand-written SQL", 0.8, ratio));
        }
      }
      if (context.args.length === 0 || context.args.includes("fan-out")) {
        context.log("measuring fan-out");
        const fanOut = await measureFanOut(database, engine);
        rows.push(...fanOut.rows);
        goals.push(...fanOut.goals);
      }
    } finally {
      await Promise.all([engine.stop(), byHand.stop()]);
    }
    return { rows, goals, machine: { postgres: version } };
  });
