import { spawnSync } from "node:child_process";
import { type TestRedis, startRedis } from "../tests/support/redis.ts";
import { fillGateData } from "./gate/workload.ts";
import { compareLimiters } from "./gateway/accuracy.ts";
import { benchLimit, type GatewayVariant, gatewayVariants, workspaceHeader } from "./gateway/variants.ts";
import {
  atLeast,
  atMost,
  type BenchContext,
  type BenchGoal,
  type BenchReport,
  type BenchRow,
  interleave,
  type LoadResult,
  type LoadTarget,
  loadFor,
  median,
  type Rounds,
  type Served,
  startServed,
  withBenchDatabase,
} from "./support/index.ts";

/** What is added is a tenth of what is there, so it takes many rounds to tell it from the machine's mood. */
const durationMs = 500;
const pairedRounds = 24;
const comparedRounds = 8;
/** A server runs code that is compiled for good only after some seconds. */
const warmUps = 10;
const connections = 32;

interface Sample extends LoadResult {
  readonly cpuUsARequest: number;
}

const body = JSON.stringify({
  query: "query Usage { usage_current { metric used } }",
  operationName: "Usage",
});

const target = (port: number, path: string, workspaces: readonly string[]): LoadTarget => {
  let asked = 0;
  return {
    port,
    path,
    next: () => {
      asked += 1;
      return { headers: { [workspaceHeader]: workspaces[asked % workspaces.length] ?? "" }, body };
    },
  };
};

const measure = async (served: Served, path: string, workspaces: readonly string[]): Promise<Sample> => {
  const before = await served.usage();
  const result = await loadFor(target(served.port, path, workspaces), { connections, durationMs });
  const after = await served.usage();
  return { ...result, cpuUsARequest: (after.cpuUs - before.cpuUs) / result.requests };
};

interface AgainstNone {
  /** CPU of a request beyond that of one with nothing in front, in microseconds. */
  added(name: string): number;
  toNone(name: string): number;
}

/**
 * Within a round: what the machine does besides weighs more than what is measured. Where nothing was measured before and after
 * a variant, the two are its measure together, so that what drifts within a round cancels out.
 */
const againstNone = (measured: Rounds<Sample>, isBracketed: boolean): AgainstNone => {
  const none = measured.samples("none");
  const again = isBracketed ? measured.samples("none again") : none;
  const compare = (
    name: string,
    figure: (sample: Sample) => number,
    by: (own: number, base: number) => number,
  ): number =>
    median(
      measured.samples(name).map((sample, round) => {
        const [before, after] = [none[round], again[round]];
        if (before === undefined || after === undefined) return Number.NaN;
        // What is compared with itself has no second.
        const base =
          name === "none again" || name === "none" ? figure(before) : (figure(before) + figure(after)) / 2;
        return by(figure(sample), base);
      }),
    );
  return {
    added: (name) =>
      compare(
        name,
        ({ cpuUsARequest }) => cpuUsARequest,
        (own, base) => own - base,
      ),
    toNone: (name) =>
      compare(
        name,
        ({ requestsPerSecond }) => requestsPerSecond,
        (own, base) => own / base,
      ),
  };
};

const needsRedis = (variant: GatewayVariant): boolean => variant.endsWith("redis");

/** P6: the same gateway with and without metering and rate limit, on a route of its own and in front of an upstream. */
export const run = async (context: BenchContext): Promise<BenchReport> =>
  withBenchDatabase("gateway", { maxConnections: 2 }, async ({ database, url, version }) => {
    const workspaces = await fillGateData(database, 1_000);
    await database.query(
      `insert into billing.limit_overrides (workspace_id, metric, limit_value, starts_at)
       select id, 'requests_per_minute', $2, now() - interval '1 hour' from unnest($1::uuid[]) as id`,
      [workspaces, benchLimit],
    );
    const hasRedis = spawnSync("redis-server", ["--version"]).error === undefined;
    if (!hasRedis) context.log("no redis-server is installed: its rows are left out");
    const redis: TestRedis | undefined = hasRedis ? await startRedis() : undefined;
    const upstream = await startServed("bench/gateway/upstream-server.ts", { env: {} });
    const variants = gatewayVariants.filter((variant) => hasRedis || !needsRedis(variant));
    const servers = new Map<GatewayVariant, Served>();
    const rows: BenchRow[] = [];
    const goals: BenchGoal[] = [];
    try {
      for (const variant of variants)
        servers.set(
          variant,
          await startServed("bench/gateway/gateway-server.ts", {
            env: {
              BENCH_VARIANT: variant,
              BENCH_SERVER_DATABASE_URL: url,
              BENCH_UPSTREAM_URL: `http://127.0.0.1:${String(upstream.port)}`,
              BENCH_REDIS_URL: redis?.url ?? "",
            },
          }),
        );
      const paired = ["none", "all", "none again"] as const;
      const loads = [
        ["route, one workspace", "/bench", workspaces.slice(0, 1), paired, pairedRounds],
        [
          "route, one workspace, parts and others",
          "/bench",
          workspaces.slice(0, 1),
          variants.filter((variant) => variant !== "none again"),
          comparedRounds,
        ],
        ["route, 1,000 workspaces", "/bench", workspaces, paired, comparedRounds],
        [
          "GraphQL to an upstream, one workspace",
          "/v1/graphql",
          workspaces.slice(0, 1),
          paired,
          comparedRounds,
        ],
      ] as const;
      const isShort = context.args.includes("--short");
      for (const [load, path, used, compared, rounds] of isShort ? loads.slice(0, 1) : loads) {
        context.log(load);
        const measured = await interleave<Sample>(
          compared.flatMap((name) => {
            const served = servers.get(name);
            return served === undefined ? [] : [{ name, measure: () => measure(served, path, used) }];
          }),
          { rounds, warmUps: load === "route, one workspace" ? warmUps : 2 },
        );
        const { added, toNone } = againstNone(
          measured,
          compared.some((name) => name === "none again"),
        );
        for (const name of compared)
          rows.push({
            what: name,
            load,
            requestsPerSecond: measured.median(name, (sample) => sample.requestsPerSecond),
            toNone: toNone(name),
            cpuUsARequest: measured.median(name, (sample) => sample.cpuUsARequest),
            addedCpuUs: added(name),
            p50Ms: measured.median(name, (sample) => sample.p50Ms),
            p99Ms: measured.median(name, (sample) => sample.p99Ms),
          });
        if (load === "route, one workspace")
          goals.push(
            atLeast("P6", "metering and rate limit to none, requests a second", 0.9, toNone("all")),
            atMost("P6", "CPU that they add to a request, in microseconds", 25, added("all")),
          );
      }
      if (isShort) return { rows, goals, machine: { postgres: version } };
      context.log("accuracy of limiters");
      rows.push(...(await compareLimiters(redis?.url)));
    } finally {
      for (const served of servers.values()) await served.stop();
      await upstream.stop();
      await redis?.stop();
    }
    return { rows, goals, machine: { postgres: version } };
  });
