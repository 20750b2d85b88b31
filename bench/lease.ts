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
const spread = 1_000;
/** What passes before it is measured: a lease knows after some requests how much to take. */
const loads = [
  { load: "one workspace", beforeMs: 500, workspacesOf: (all: readonly string[]) => all.slice(0, 1) },
  {
    load: "1,000 workspaces",
    beforeMs: 4_000,
    workspacesOf: (all: readonly string[]) => all.slice(0, spread),
  },
  {
    load: "1,000 new workspaces",
    beforeMs: 0,
    workspacesOf: (all: readonly string[], round: number) =>
      all.slice((round + 1) * spread, (round + 2) * spread),
  },
];
const rounds = 5;
const connections = 32;
const gates = ["bare", "leased", "combined"] as const;

/** P5: the same endpoint with a gate that answers from units taken ahead, and with one that answers without thinking. */
export const run = async (context: BenchContext): Promise<BenchReport> =>
  withBenchDatabase("lease", { maxConnections: 2 }, async ({ database, url, version }) => {
    const workspaces = await fillGateData(database, spread * (rounds + 2));
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
      for (const { load, beforeMs, workspacesOf } of loads) {
        context.log(load);
        let samples = 0;
        const measured = await interleave<LoadResult>(
          [...servers].map(([name, served]) => ({
            name,
            measure: async () => {
              const used = workspacesOf(workspaces, Math.floor(samples / servers.size));
              samples += 1;
              const target = consumeTarget(served.port, used, leasedMetric);
              const before = await loadFor(target, { connections, durationMs: beforeMs });
              const result = await loadFor(target, { connections, durationMs });
              if (name !== "bare") answered += before.requests + result.requests;
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
        if (load === "one workspace")
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
