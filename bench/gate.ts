import { findPgbench, runPgbench } from "./gate/pgbench.ts";
import { gateNames } from "./gate/gates.ts";
import { consumeTarget, fillGateData, usedBy } from "./gate/workload.ts";
import {
  atLeast,
  type BenchContext,
  type BenchGoal,
  type BenchReport,
  type BenchRow,
  interleave,
  loadFor,
  type Served,
  startServers,
  type Variant,
  withBenchDatabase,
} from "./support/index.ts";

const durationMs = 1_500;
const rounds = 5;
const connections = 32;
const pgbenchClients = 16;

interface Sample {
  readonly requestsPerSecond: number;
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
  readonly cpuUs: number | null;
}

/** P4: a durable, exact, idempotent decision over HTTP, by several gates in the same actions server. */
export const run = async (context: BenchContext): Promise<BenchReport> =>
  withBenchDatabase("gate", { maxConnections: 2 }, async ({ database, url, version }) => {
    const workspaces = await fillGateData(database, 1_000);
    const servers = await startServers("bench/gate/gate-server.ts", gateNames, url);
    const pgbench = findPgbench();
    if (pgbench === undefined) context.log("pgbench is not installed: its rows are left out");
    const answered = new Map<string, number>();
    const count = (name: string, requests: number): void => {
      answered.set(name, (answered.get(name) ?? 0) + requests);
    };

    const overHttp = (
      name: string,
      served: Served,
      used: readonly string[],
      clients: number,
    ): Variant<Sample> => ({
      name,
      measure: async () => {
        const before = await served.usage();
        const load = await loadFor(consumeTarget(served.port, used), { connections: clients, durationMs });
        const after = await served.usage();
        count(name, load.requests);
        return { ...load, cpuUs: (after.cpuUs - before.cpuUs) / load.requests };
      },
    });
    const inDatabase = (file: string, used: readonly string[], clients: number): Variant<Sample> => ({
      name: "pgbench",
      measure: async () => {
        const seconds = Math.ceil(durationMs / 1_000);
        const { requestsPerSecond, requests } = await runPgbench(file, url, used, { clients, seconds });
        count("pgbench", requests);
        return { requestsPerSecond, p50Ms: null, p99Ms: null, cpuUs: null };
      },
    });

    try {
      const rows: BenchRow[] = [];
      const goals: BenchGoal[] = [];
      const hot = workspaces.slice(0, 1);
      for (const [load, used, clients] of [
        ["one workspace", hot, connections],
        ["one workspace", hot, 1],
        ["1,000 workspaces", workspaces, connections],
      ] as const) {
        context.log(`${load}, ${String(clients)} connections`);
        const variants = [...servers].map(([name, served]) => overHttp(name, served, used, clients));
        if (pgbench !== undefined)
          variants.push(inDatabase(pgbench, used, Math.min(clients, pgbenchClients)));
        const measured = await interleave(variants, { rounds });
        for (const { name } of variants) {
          const samples = measured.samples(name);
          const figure = (pick: (sample: Sample) => number | null): number | null =>
            samples.some((sample) => pick(sample) === null)
              ? null
              : measured.median(name, (sample) => pick(sample) ?? 0);
          rows.push({
            what: name,
            load,
            clients: name === "pgbench" ? Math.min(clients, pgbenchClients) : clients,
            requestsPerSecond: figure((sample) => sample.requestsPerSecond),
            toSingle: measured.ratio(name, "single", (sample) => sample.requestsPerSecond),
            p50Ms: figure((sample) => sample.p50Ms),
            p99Ms: figure((sample) => sample.p99Ms),
            cpuUsPerRequest: figure((sample) => sample.cpuUs),
          });
        }
        if (used !== hot || clients !== connections) continue;
        const ratio = (to: string): number =>
          measured.ratio("combined", to, (sample) => sample.requestsPerSecond);
        goals.push(atLeast("P4", "combined to one query per request, one workspace", 4, ratio("single")));
        if (pgbench !== undefined)
          goals.push(atLeast("P4", "combined over HTTP to pgbench, one workspace", 3, ratio("pgbench")));
      }
      checkExactness(answered, await usedBy(database));
      return { rows, goals, machine: { postgres: version } };
    } finally {
      for (const served of servers.values()) await served.stop();
    }
  });

/** Every answer was counted once, by each of the gates, or the figures mean nothing. */
const checkExactness = (
  answered: ReadonlyMap<string, number>,
  used: Readonly<Record<string, number>>,
): void => {
  const of = (...names: readonly string[]): number =>
    names.reduce((sum, name) => sum + (answered.get(name) ?? 0), 0);
  const expected = {
    gate: of("combined", "single", "pgbench"),
    ledger: of("combined", "single", "pgbench"),
    "for-update": of("for-update"),
    limiter: of("limiter"),
  };
  for (const [name, value] of Object.entries(expected))
    if (used[name] !== value)
      throw new Error(`${name} counted ${String(used[name])} of ${String(value)} answered requests`);
};
