import { onceADelivery } from "../../cron-run.ts";

/** The same month of last year can still be compared. */
const keepDays = 400;
/** A gateway tries for minutes to send a batch; a day is beyond any doubt. */
const keepBatchesDays = 1;

const day = 86_400_000;

export const usage_prune_api_calls = onceADelivery(async (tx, { scheduledTime }) => {
  const at = scheduledTime.getTime();
  const rows = await tx.query<{ pruned: string }>("select usage.prune_api_calls($1, $2) as pruned", [
    new Date(at - keepDays * day),
    new Date(at - keepBatchesDays * day),
  ]);
  return { pruned: Number(rows[0]?.pruned ?? 0) };
});
