import { type Queryable } from "../src/core/index.ts";
import { type CronDelivery, type CronHandler } from "./handler.ts";

/**
 * Makes a cron job safe to deliver twice: the row of (name, scheduled_time) is written in the transaction of
 * the work, so a second delivery waits for the first and then finds its result, and a failed one leaves nothing.
 */
export function onceADelivery(
  work: (tx: Queryable, delivery: CronDelivery) => Promise<unknown>,
): CronHandler {
  return (delivery, { database }) =>
    database.transaction(async (tx) => {
      const claimed = await tx.query(
        `insert into usage.cron_runs (name, scheduled_time)
         values ($1, $2)
         on conflict do nothing
         returning name`,
        [delivery.name, delivery.scheduledTime],
      );
      if (claimed.length === 0) return { duplicate: true };
      const result = await work(tx, delivery);
      await tx.query(
        `update usage.cron_runs
         set finished_at = clock_timestamp(),
           result = $3::jsonb
         where name = $1
           and scheduled_time = $2`,
        [delivery.name, delivery.scheduledTime, JSON.stringify(result)],
      );
      return result;
    });
}
