import { type CronHandler } from "../../handler.ts";

const batch = 100;
/** What is left then is for the next minute. */
const batchesAtMost = 500;

/**
 * Notes the alerts that the clock alone calls for. What is due stands in the database whatever delivery comes, so a
 * repeat finds nothing and a missed one is made up for; batches of their own keep the locks of counters short.
 */
export const usage_note_alerts: CronHandler = async (_delivery, { database }) => {
  let noted = 0;
  for (let round = 0; round < batchesAtMost; round += 1) {
    const [row] = await database.query<{ noted: number }>("select usage.note_due_levels($1) as noted", [
      batch,
    ]);
    noted += row?.noted ?? 0;
    if ((row?.noted ?? 0) < batch) break;
  }
  return { noted };
};
