import { createClient, type Client } from "graphql-ws";
import { WebSocket } from "ws";

import { signToken } from "../../src/cli/sample.ts";
import type { Database } from "../../src/core/index.ts";
import { atMost, type BenchGoal, type BenchRow, median, quantile, type Served } from "../support/index.ts";
import { benchSecrets } from "./data.ts";

const subscribers = 1_000;
const quietMs = 20_000;
const changes = 200;
const changeEveryMs = 100;

const query =
  "subscription { usage_current(order_by: {metric: asc}) { metric used limit_value percent status } }";

interface Watcher {
  readonly client: Client;
  readonly workspaceId: string;
  readonly channelId: string;
  answers: number;
  onAnswer: () => void;
}

const makeWorkspaces = async (
  database: Database,
): Promise<readonly Omit<Watcher, "client" | "answers" | "onAnswer">[]> => {
  await database.query(
    `insert into public.workspaces (id, name, slug, owner_id)
     select md5('fan' || w)::uuid, 'Fan ' || w, 'fan-' || w, (select id from public.users order by id limit 1)
     from generate_series(1, $1) as w`,
    [subscribers],
  );
  await database.query(
    `insert into public.channels (id, workspace_id, name)
     select md5('fan channel' || w)::uuid, md5('fan' || w)::uuid, 'general'
     from generate_series(1, $1) as w`,
    [subscribers],
  );
  await database.query("analyze");
  return database.query(
    `select md5('fan' || w)::uuid::text as "workspaceId", md5('fan channel' || w)::uuid::text as "channelId"
     from generate_series(1, $1) as w`,
    [subscribers],
  );
};

const delay = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const watch = async (served: Served, workspaceId: string, channelId: string): Promise<Watcher> => {
  const token = await signToken(benchSecrets.jwtSecret, { userId: workspaceId, workspaceId }, ["user"]);
  const client = createClient({
    url: `ws://127.0.0.1:${String(served.port)}/v1/graphql`,
    webSocketImpl: WebSocket,
    connectionParams: { headers: { authorization: `Bearer ${token}` } },
    lazy: true,
    retryAttempts: 0,
  });
  const watcher: Watcher = { client, workspaceId, channelId, answers: 0, onAnswer: () => undefined };
  await new Promise<void>((resolve, reject) => {
    client.subscribe(
      { query },
      {
        next: () => {
          watcher.answers += 1;
          resolve();
          watcher.onAnswer();
        },
        error: (error) => reject(new Error(`a subscription failed: ${JSON.stringify(error)}`)),
        complete: () => undefined,
      },
    );
  });
  return watcher;
};

/** Milliseconds from the commit of a message to the answer that counts it. */
const changeAndWait = async (database: Database, watcher: Watcher): Promise<number> => {
  const arrival = new Promise<number>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("a change never reached its client")), 30_000);
    watcher.onAnswer = () => {
      clearTimeout(timer);
      resolve(performance.now());
    };
  });
  await database.query(
    "insert into public.messages (workspace_id, channel_id, body) values ($1, $2, 'A change.')",
    [watcher.workspaceId, watcher.channelId],
  );
  const committedAt = performance.now();
  return Math.max(0, (await arrival) - committedAt);
};

/** A thousand clients watch the usage of a workspace each: what that costs at rest, and how soon a change is seen. */
export const measureFanOut = async (
  database: Database,
  served: Served,
): Promise<{ readonly rows: readonly BenchRow[]; readonly goals: readonly BenchGoal[] }> => {
  const workspaces = await makeWorkspaces(database);
  const watchers: Watcher[] = [];
  const startedAt = performance.now();
  for (let from = 0; from < workspaces.length; from += 50) {
    const group = workspaces.slice(from, from + 50);
    watchers.push(...(await Promise.all(group.map((w) => watch(served, w.workspaceId, w.channelId)))));
  }
  const connectSeconds = (performance.now() - startedAt) / 1000;
  await delay(2_000);

  const before = await served.usage();
  const quietFrom = performance.now();
  await delay(quietMs);
  const after = await served.usage();
  const seconds = (performance.now() - quietFrom) / 1000;
  const statementsPerSecond = ((after.statements ?? 0) - (before.statements ?? 0)) / seconds;

  const pending: Promise<number>[] = [];
  for (let change = 0; change < changes; change += 1) {
    // Steps through all batches; no watcher is changed twice.
    const watcher = watchers[(change * 7) % watchers.length];
    if (watcher !== undefined) pending.push(changeAndWait(database, watcher));
    await delay(changeEveryMs);
  }
  const latencies = await Promise.all(pending);
  await Promise.all(watchers.map(({ client }) => client.dispose()));
  const p99Ms = quantile(latencies, 0.99);
  return {
    rows: [
      {
        operation: "fan-out",
        variant: `${String(subscribers)} live queries`,
        connectSeconds,
        statementsPerSecond,
        enginePercentOfACore: (after.cpuUs - before.cpuUs) / 1e4 / seconds,
        p50Ms: median(latencies),
        p99Ms,
      },
    ],
    goals: [
      atMost("P11", "statements a second for 1,000 live queries", 10, statementsPerSecond),
      atMost("P11", "seconds from a change to its client, p99", 1.5, p99Ms / 1000),
    ],
  };
};
