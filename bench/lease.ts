import { consumeTarget, fillGateData, leasedMetric } from "./gate/workload.ts";
import {
  atLeast,
  type BenchContext,
  type BenchGoal,
  type BenchReport,
  type BenchRow,
  interleave,
  type LoadResult,
  loadFor,
  startServers,
  withBenchDatabase,
} from "./support/index.ts";

const durationMs = 1_500;
const rounds = 5;
const connections = 32;
const gates = ["bare", "leased", "combined"] as const;

/** P5: the same endpoint with a gate that answers from units taken ahead, and with one that answers without thinking. */
export const run = async (context: BenchContext): Promise<BenchReport> =>
  withBenchDatabase("lease", { maxConnections: 2 }, async ({ database, url, version }) => {
    const workspaces = await fillGateData(database, 1_000);
    const servers = await startServers("bench/lease/lease-server.ts", gates, url);
    const rows: BenchRow[] = [];
    const goals: BenchGoal[] = [];
    let answered = 0;
    const usedNow = async (): Promise<number> => {
      const [row] = await database.query<{ used: string }>(
        "select coalesce(sum(used), 0) as used from usage.counters where metric = $1",
        [leasedMetric],
      );
      return Number(row?.used);
    };
    try {
      for (const [load, used] of [
        ["one workspace", workspaces.slice(0, 1)],
        ["1,000 workspaces", workspaces],
      ] as const) {
        context.log(load);
        const measured = await interleave<LoadResult>(
          [...servers].map(([name, served]) => ({
            name,
            measure: async () => {
              const result = await loadFor(consumeTarget(served.port, used, leasedMetric), {
                connections,
                durationMs,
              });
              if (name !== "bare") answered += result.requests;
              return result;
            },
          })),
          { rounds },
        );
        for (const name of gates)
          rows.push({
            what: name,
            load,
            requestsPerSecond: measured.median(name, (sample) => sample.requestsPerSecond),
            toBare: measured.ratio(name, "bare", (sample) => sample.requestsPerSecond),
            p50Ms: measured.median(name, (sample) => sample.p50Ms),
            p99Ms: measured.median(name, (sample) => sample.p99Ms),
          });
        if (used.length === 1)
          goals.push(
            atLeast(
              "P5",
              "leased to bare, one workspace",
              0.85,
              measured.ratio("leased", "bare", (sample) => sample.requestsPerSecond),
            ),
          );
      }
      if ((await usedNow()) < answered)
        throw new Error(`counted ${String(await usedNow())} of ${String(answered)} answered requests`);
    } finally {
      for (const served of servers.values()) await served.stop();
    }
    // The servers have given back what they had not used.
    if ((await usedNow()) !== answered)
      throw new Error(`counted ${String(await usedNow())}, answered were ${String(answered)} requests`);
    return { rows, goals, machine: { postgres: version } };
  });
