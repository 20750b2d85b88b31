import { randomUUID } from "node:crypto";
import { type Database } from "../../src/core/index.ts";
import { type LoadTarget } from "../support/index.ts";

export const benchActionSecret = "bench-action-secret";

/** The metric that only the gate feeds, under a hard limit that no round reaches. */
export const metric = "ai_queries";

/** The metric that processes may answer for from units taken ahead. */
export const leasedMetric = "api_calls";
const limit = 1_000_000_000;

/** Workspaces on the default plan with the limit as an override, and the tables of the naive gates. */
export const fillGateData = async (database: Database, count: number): Promise<readonly string[]> => {
  const ids = Array.from({ length: count }, () => randomUUID());
  const owner = randomUUID();
  await database.query("insert into public.users (id, email, display_name) values ($1, $2, 'Bench')", [
    owner,
    `${owner}@example.com`,
  ]);
  await database.query(
    "insert into public.workspaces (id, name, slug, owner_id) select id, 'Bench', 'bench-' || id, $2 from unnest($1::uuid[]) as id",
    [ids, owner],
  );
  await database.query(
    "insert into billing.limit_overrides (workspace_id, metric, limit_value, starts_at, reason) select id, metric, $3, now() - interval '1 hour', 'bench' from unnest($1::uuid[]) as id cross join unnest($2::text[]) as metric",
    [ids, [metric, leasedMetric], limit],
  );
  await database.query("create schema bench_gate");
  await database.query(
    "create table bench_gate.counters (workspace_id uuid primary key, used bigint not null, limit_value bigint not null)",
  );
  await database.query(
    "create table bench_gate.keys (workspace_id uuid, idempotency_key text, primary key (workspace_id, idempotency_key))",
  );
  await database.query("insert into bench_gate.counters select id, 0, $2 from unnest($1::uuid[]) as id", [
    ids,
    limit,
  ]);
  await database.query("analyze");
  return ids;
};

/** `consumeUsage` as Hasura calls it, each time with a new key; without one for the leased metric. */
export const consumeTarget = (port: number, workspaces: readonly string[], used = metric): LoadTarget => {
  const run = randomUUID();
  let asked = 0;
  return {
    port,
    path: "/actions/consumeUsage",
    next: () => {
      asked += 1;
      const workspaceId = workspaces[asked % workspaces.length] ?? "";
      return {
        headers: { "x-action-secret": benchActionSecret },
        body: JSON.stringify({
          action: { name: "consumeUsage" },
          input: {
            workspaceId,
            metric: used,
            amount: 1,
            ...(used === leasedMetric ? {} : { idempotencyKey: `${run}-${String(asked)}` }),
          },
          session_variables: {
            "x-hasura-role": "service",
            "x-hasura-workspace-id": workspaceId,
          },
          request_query: "",
        }),
      };
    },
  };
};

/** What each of the gates says was used in all. */
export const usedBy = async (database: Database): Promise<Readonly<Record<string, number>>> => {
  const [row] = await database.query<Record<string, string>>(
    `select
      (select coalesce(sum(used), 0) from usage.counter_totals where metric = $1) as gate,
      (select count(*) from usage.ledger where metric = $1 and allowed) as ledger,
      (select coalesce(sum(used), 0) from bench_gate.counters) as "for-update",
      (select coalesce(sum(points), 0) from bench_gate.limiter) as limiter`,
    [metric],
  );
  return Object.fromEntries(Object.entries(row ?? {}).map(([name, value]) => [name, Number(value)]));
};
