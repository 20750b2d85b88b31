import { type Database } from "../../../src/core/index.ts";
import { type CronHandler } from "../../handler.ts";

const marksAtOnce = 10_000;
/** What is left then is for the next hour. */
const roundsAtMost = 1_000;

/** Until a round did less than it could. */
const repeatWhileFull = async (size: number, work: () => Promise<number>): Promise<number> => {
  let total = 0;
  for (let round = 0; round < roundsAtMost; round += 1) {
    const done = await work();
    total += done;
    if (done < size) break;
  }
  return total;
};

const askNumber = async (database: Database, text: string, values: readonly unknown[]): Promise<number> =>
  (await database.query<{ done: number }>(text, values))[0]?.done ?? 0;

/**
 * Removes deleted people, then counts every touched hour whole. What is to be done stands in the database, whatever
 * delivery comes: twice, late, out of order or after days without any.
 */
export const analytics_roll_activity: CronHandler = async ({ scheduledTime }, { database }) => {
  const erased = await repeatWhileFull(1, () =>
    askNumber(database, "select analytics.erase_person() as done", []),
  );
  const touched = await repeatWhileFull(marksAtOnce, () =>
    askNumber(database, "select analytics.roll_activity($1, $2) as done", [scheduledTime, marksAtOnce]),
  );
  return { erased, touched };
};
