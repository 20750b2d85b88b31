import { type CronHandler } from "../../handler.ts";

/** Short transactions: ingest and readers wait for none of them long. */
const batch = 10_000;
/** What is left then is for the next day. */
const batchesAtMost = 1_000;

const tables = [
  "feature_usage",
  "performance",
  "search_logs",
  "user_activity",
  "channel_activity",
  "event_keys",
] as const;

/** Takes its moment from the delivery; what is due stands in the tables, so a repeat finds nothing. */
export const analytics_apply_retention: CronHandler = async ({ scheduledTime }, { database }) => {
  const [months] = await database.query<{ dropped: readonly string[] }>(
    "select analytics.drop_months($1) as dropped",
    [scheduledTime],
  );
  const deleted: Record<string, number> = {};
  for (const table of tables) {
    let rows = 0;
    for (let round = 0; round < batchesAtMost; round += 1) {
      const [pruned] = await database.query<{ rows: number }>("select analytics.prune($1, $2, $3) as rows", [
        table,
        scheduledTime,
        batch,
      ]);
      rows += pruned?.rows ?? 0;
      if ((pruned?.rows ?? 0) < batch) break;
    }
    deleted[table] = rows;
  }
  return { dropped: months?.dropped ?? [], deleted };
};
