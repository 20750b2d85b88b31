import { randomUUID } from "node:crypto";

import type { Database } from "../../src/core/index.ts";

export const batchSize = 1_000;

/** An event as a client sends it: about 450 bytes of JSON, of them 300 of data. */
export const makeEvent = (now: number, index: number): object => ({
  id: randomUUID(),
  source: "/web/app",
  event_type: "button_clicked",
  event_category: "user_action",
  event_data: {
    button: "save",
    page: "/settings/profile",
    title: "Profile settings",
    referrer: "https://app.example.com/workspaces/acme/channels/general",
    screen: { width: 1920, height: 1080 },
    locale: "en-GB",
    experiment: "sidebar-b",
    duration_ms: index,
    is_first: index % 2 === 0,
  },
  timestamp: new Date(now - index * 10).toISOString(),
  session_id: `s-${String(index % 40)}`,
  platform: "web",
  app_version: "2.14.1",
});

export interface IngestData {
  readonly workspaceIds: readonly string[];
  readonly userId: string;
  /** Half of the batches lie in this month, half in the one before. */
  readonly turnOfMonth: number;
}

/** Workspaces, and the table of events twice without dedup: as its partitions alone, and with its primary key. */
export const fillIngestData = async (database: Database, workspaces: number): Promise<IngestData> => {
  const workspaceIds = Array.from({ length: workspaces }, () => randomUUID());
  await database.query(
    "insert into public.workspaces (id, name) select id, 'Bench' from unnest($1::uuid[]) as id",
    [workspaceIds],
  );
  const [turn] = await database.query<{ at: Date }>("select date_trunc('month', now(), 'UTC') as at");
  const turnOfMonth = turn?.at.getTime() ?? 0;
  await database.transaction((tx) => tx.script("create schema bench"));
  for (const [table, including] of [
    ["plain", "defaults"],
    ["keyed", "defaults including indexes"],
  ] as const) {
    await database.query(
      `create table bench.${table} (like analytics.events including ${including}) partition by range (occurred_at)`,
    );
    await database
      .query(
        `select format(
         'create table bench.${table}_%s partition of bench.${table} for values from (%L) to (%L)',
         n,
         $1::timestamptz + make_interval(months => n - 1),
         $1::timestamptz + make_interval(months => n)
       ) as statement
       from generate_series(0, 1) as n`,
        [new Date(turnOfMonth)],
      )
      .then(async (rows) => {
        for (const { statement } of rows as readonly { readonly statement: string }[])
          await database.query(statement);
      });
  }
  await database.query("analyze");
  return { workspaceIds, userId: randomUUID(), turnOfMonth };
};

/** Fails where an event is missing, stored twice, or stored again when it is sent again. */
export const checkStoredOnce = async (database: Database, accepted: number): Promise<void> => {
  const [row] = await database.query<{ events: string; ids: string; keys: string }>(
    `select
       (select count(*) from analytics.events) as events,
       (select count(distinct (workspace_id, source, event_id)) from analytics.events) as ids,
       (select count(*) from analytics.event_keys) as keys`,
  );
  if (Number(row?.events) !== accepted || Number(row?.ids) !== accepted || Number(row?.keys) !== accepted)
    throw new Error(
      `${String(accepted)} events were accepted; there are ${String(row?.events)} rows, ${String(row?.ids)} ids, ${String(row?.keys)} keys`,
    );
};
