import { signToken } from "../src/cli/sample.ts";
import { requireAgreement } from "./engine/agreement.ts";
import { benchSecrets, fillBenchData, type BenchWorkspace } from "./engine/data.ts";
import { measureFanOut } from "./engine/fan-out.ts";
import { measureMemory } from "./engine/memory.ts";
import { operations, type BenchOperation } from "./engine/operations.ts";
import { startPostGraphile } from "./engine/postgraphile.ts";
import {
  atLeast,
  atMost,
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

interface Servers {
  readonly byHand: Served;
  readonly engine: Served;
  readonly postgraphile: Served | undefined;
}

const sampleOf = async (served: Served, target: LoadTarget, durationMs: number): Promise<Sample> => {
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

const targetsOf = (servers: Servers, operation: BenchOperation, askers: readonly Asker[]) => {
  const target = (
    served: Served,
    path: string,
    request: (asker: Asker) => { headers: Readonly<Record<string, string>>; body: unknown },
  ): LoadTarget => {
    const next = inTurn(askers);
    return {
      port: served.port,
      path,
      next: () => {
        const { headers, body } = request(next());
        return { headers, body: JSON.stringify(body) };
      },
    };
  };
  const { postgraphile } = operation;
  return {
    byHand: target(servers.byHand, `/${operation.name}`, ({ workspace }) => ({
      headers: {},
      body: operation.byHand.values(workspace),
    })),
    engine: target(servers.engine, "/v1/graphql", ({ token, workspace }) => ({
      headers: { authorization: `Bearer ${token}` },
      body: { query: operation.query, variables: operation.variables(workspace) },
    })),
    postgraphile:
      servers.postgraphile === undefined || postgraphile === undefined
        ? undefined
        : target(servers.postgraphile, "/graphql", ({ workspace }) => ({
            headers: { "x-workspace-id": workspace.workspaceId },
            body: { query: postgraphile.query, variables: postgraphile.variables(workspace) },
          })),
  };
};

const variantNames = { byHand: "by hand", engine: "engine", postgraphile: "PostGraphile" } as const;

const measureOperation = async (
  servers: Servers,
  operation: BenchOperation,
  askers: readonly Asker[],
  { rounds, durationMs }: { readonly rounds: number; readonly durationMs: number },
): Promise<{ readonly rows: readonly BenchRow[]; readonly goals: readonly BenchGoal[] }> => {
  const targets = targetsOf(servers, operation, askers);
  for (let turn = 0; turn < 3; turn += 1) await requireAgreement(operation, targets);
  const variants = (["byHand", "engine", "postgraphile"] as const).flatMap((key) => {
    const served = servers[key];
    const target = targets[key];
    if (served === undefined || target === undefined) return [];
    return [{ name: variantNames[key], measure: () => sampleOf(served, target, durationMs) }];
  });
  const result = await interleave<Sample>(variants, { rounds, warmUps: 2 });
  const speed = (sample: Sample): number => sample.requestsPerSecond;
  const rows = variants.map(({ name }) => ({
    operation: operation.name,
    variant: name,
    requestsPerSecond: result.median(name, speed),
    ratio: result.ratio(name, "by hand", speed),
    p50Ms: result.median(name, (sample) => sample.p50Ms),
    p99Ms: result.median(name, (sample) => sample.p99Ms),
    cpuUs: result.median(name, (sample) => sample.cpuUs),
  }));
  // The design has a goal for the list alone; the others are held to the same and named after themselves.
  const id = operation.name === "list" ? "P8" : operation.name;
  const what = operation.name === "list" ? "list of 20 rows" : operation.name;
  const cpuMs = result.median("engine", (sample) => sample.cpuUs) / 1000;
  const goals = [
    atLeast(id, `${what} against hand-written`, 0.8, result.ratio("engine", "by hand", speed)),
    ...(targets.postgraphile === undefined
      ? []
      : [atLeast(id, `${what} against PostGraphile 5`, 3, result.ratio("engine", "PostGraphile", speed))]),
    atMost(id, `${what}, ms of CPU a request`, operation.name === "action" ? 0.33 : 0.25, cpuMs),
  ];
  return { rows, goals };
};

/**
 * Names after `engine` choose rows: the operations, `fan-out`, `memory`. `--short` measures less of each, `--no-postgraphile`
 * leaves PostGraphile out and installs nothing.
 */
export const run = async (context: BenchContext): Promise<BenchReport> =>
  withBenchDatabase("engine", { maxConnections: 4 }, async ({ database, url, version }) => {
    const { args, log } = context;
    const names = args.filter((arg) => !arg.startsWith("--"));
    const wants = (name: string): boolean => names.length === 0 || names.includes(name);
    const unknown = names.find(
      (name) => !["fan-out", "memory", ...operations.map((operation) => operation.name)].includes(name),
    );
    if (unknown !== undefined) throw new Error(`the engine bench has no row ${unknown}`);
    const isShort = args.includes("--short");
    log("filling the database");
    const workspaces = await fillBenchData(database);
    const askers = await Promise.all(
      workspaces.map(async (workspace) => ({
        workspace,
        token: await signToken(benchSecrets.jwtSecret, workspace, ["user"]),
      })),
    );
    const webhook = await startServed("bench/engine/webhook-server.ts", { env: {} });
    const env = {
      BENCH_SERVER_DATABASE_URL: url,
      BENCH_ACTIONS_URL: `http://127.0.0.1:${String(webhook.port)}`,
    };
    const engine = await startServed("bench/engine/engine-server.ts", {
      env: { ...env, BENCH_NODE_FLAGS: process.env["BENCH_ENGINE_FLAGS"] ?? "" },
    });
    const byHand = await startServed("bench/engine/hand-written-server.ts", { env });
    const wanted = operations.filter(({ name }) => wants(name));
    const postgraphile =
      args.includes("--no-postgraphile") || wanted.every((operation) => operation.postgraphile === undefined)
        ? undefined
        : await startPostGraphile(database, url, log);
    const servers: Servers = { byHand, engine, postgraphile };
    const results: { readonly rows: readonly BenchRow[]; readonly goals: readonly BenchGoal[] }[] = [];
    try {
      for (const operation of wanted) {
        log(`measuring ${operation.name}`);
        const length = isShort ? { rounds: 3, durationMs: 500 } : { rounds: 7, durationMs: 1_000 };
        results.push(await measureOperation(servers, operation, askers, length));
      }
      if (wants("fan-out")) {
        log("measuring fan-out");
        results.push(await measureFanOut(database, engine));
      }
      if (wants("memory")) {
        log("measuring memory over distinct queries");
        const requests = isShort ? 100_000 : 1_000_000;
        results.push(await measureMemory(env, workspaces, requests, log));
      }
    } finally {
      await Promise.all(
        [engine, byHand, webhook, ...(postgraphile ? [postgraphile] : [])].map((s) => s.stop()),
      );
    }
    return {
      rows: results.flatMap(({ rows }) => rows),
      goals: results.flatMap(({ goals }) => goals),
      machine: { postgres: version, connections, ...postgraphile?.about },
    };
  });
