import { type CronHandler } from "../../handler.ts";

/** Rows a transaction: short ones, so that ingest and readers never wait long. */
const batch = 10_000;
/** The rest is left to the next day. */
const batchesAtMost = 1_000;

/**
 * Deletes what is over at the moment of the delivery from every table that the database keeps for a time. A repeated delivery
 * finds nothing left.
 */
export const analytics_apply_retention: CronHandler = async ({ scheduledTime }, { database }) => {
  const [months] = await database.query<{ dropped: readonly string[] }>(
    "select analytics.drop_months($1) as dropped",
    [scheduledTime],
  );
  // Events go by whole months.
  const tables = await database.query<{ name: string }>(
    `select table_name as name
     from analytics.retained_tables
     where table_name <> 'events'
     order by table_name`,
  );
  const deleted: Record<string, number> = {};
  for (const { name: table } of tables) {
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
