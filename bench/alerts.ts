import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { closeServer, listen, portOf } from "../src/cli/listen.ts";
import { startProduct } from "../src/cli/product.ts";
import { readSettings } from "../src/cli/settings.ts";
import { type Database, silentLogger, systemClock } from "../src/core/index.ts";
import {
  atMost,
  type BenchContext,
  type BenchReport,
  type BenchRow,
  quantile,
  withBenchDatabase,
} from "./support/index.ts";

const workspaces = 300;
const spacingMs = 40;
const patienceMs = 60_000;

interface Receiver {
  readonly url: string;
  /** When each workspace's webhooks came, in the clock of `performance.now()`. */
  readonly arrivals: ReadonlyMap<string, readonly number[]>;
  close(): Promise<void>;
}

const startReceiver = async (): Promise<Receiver> => {
  const arrivals = new Map<string, number[]>();
  const server = await listen(
    "receiver",
    (request, response) => {
      const at = performance.now();
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        const body = JSON.parse(Buffer.concat(chunks).toString()) as { data: { workspaceId: string } };
        arrivals.set(body.data.workspaceId, [...(arrivals.get(body.data.workspaceId) ?? []), at]);
        response.writeHead(204).end();
      });
    },
    0,
    "127.0.0.1",
  );
  return {
    url: `http://127.0.0.1:${String(portOf(server))}/`,
    arrivals,
    close: () => closeServer(server, 0),
  };
};

const createTenants = async (database: Database, url: string): Promise<readonly string[]> => {
  const rows = await database.query<{ id: string }>(
    `with made as (
       insert into public.workspaces (name)
       select 'Bench'
       from generate_series(1, $1::integer)
       returning id
     ),
     endpoint as (
       insert into usage.webhook_endpoints (workspace_id, url)
       select id, $2
       from made
       returning id, workspace_id
     ),
     secret as (
       insert into usage.webhook_secrets (endpoint_id, secret)
       select id, 'whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'
       from endpoint
     )
     select workspace_id as id
     from endpoint`,
    [workspaces, url],
  );
  return rows.map(({ id }) => id);
};

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** One use of each workspace, which crosses one threshold; the time before the call, so that the commit counts too. */
const cross = async (database: Database, workspaceId: string): Promise<number> => {
  const at = performance.now();
  await database.query("select usage.gate_many($1::jsonb)", [
    JSON.stringify([{ op: "consume", workspaceId, metric: "ai_queries", amount: 75 }]),
  ]);
  return at;
};

const measure = async (
  name: string,
  database: Database,
  receiver: Receiver,
  crossAll: (tenants: readonly string[]) => Promise<readonly number[]>,
): Promise<BenchRow> => {
  const tenants = await createTenants(database, receiver.url);
  const crossed = await crossAll(tenants);
  const deadline = performance.now() + patienceMs;
  while (!tenants.every((id) => receiver.arrivals.has(id))) {
    if (performance.now() > deadline) throw new Error(`${name}: not every webhook arrived`);
    await pause(20);
  }
  const latencies = tenants.map((id, index) => {
    const [first, ...more] = receiver.arrivals.get(id) ?? [];
    if (first === undefined || more.length > 0) throw new Error(`${name}: a webhook came twice`);
    return first - (crossed[index] ?? Number.NaN);
  });
  return {
    name,
    webhooks: latencies.length,
    p50Ms: quantile(latencies, 0.5),
    p99Ms: quantile(latencies, 0.99),
    maxMs: quantile(latencies, 1),
  };
};

/**
 * From the use that crosses a threshold to the webhook at its receiver, through the whole product: the alert in the
 * transaction of the use, the engine's event trigger, the actions server's queue and worker.
 */
export const run = ({ log }: BenchContext): Promise<BenchReport> =>
  withBenchDatabase("alerts", {}, async ({ database, url, version }) => {
    const dataDir = await mkdtemp(join(tmpdir(), "hasura-usage-bench-data-"));
    const receiver = await startReceiver();
    const product = await startProduct({
      settings: readSettings({
        PORT: "0",
        ENGINE_PORT: "0",
        ACTIONS_PORT: "0",
        DATA_DIR: dataDir,
        DATABASE_URL: url,
        WEBHOOK_ALLOW_PRIVATE: "true",
        WEBHOOK_ALLOW_HTTP: "true",
      }),
      clock: systemClock,
      logger: silentLogger,
      onStep: () => undefined,
    });
    try {
      log(`one crossing each ${String(spacingMs)} ms`);
      const spread = await measure("one after the other", database, receiver, (tenants) =>
        Promise.all(
          tenants.map(async (id, index) => {
            await pause(index * spacingMs);
            return cross(database, id);
          }),
        ),
      );
      log("all at once");
      const burst = await measure("all at once", database, receiver, (tenants) =>
        Promise.all(tenants.map((id) => cross(database, id))),
      );
      return {
        rows: [spread, burst],
        goals: [
          atMost("alerts", "p99 from crossing to webhook, ms", 2_000, Number(spread["p99Ms"])),
          atMost("alerts", "the same in a burst, ms", 2_000, Number(burst["p99Ms"])),
        ],
        machine: { postgres: version, eventPollMs: 500 },
      };
    } finally {
      await product.stop();
      await receiver.close();
      await rm(dataDir, { recursive: true, force: true });
    }
  });
