import { onceADelivery } from "../../cron-run.ts";

/** An idempotency key answers for 34 days, longer than any month. */
const keepDays = 34;

export const usage_prune_ledger = onceADelivery(async (tx, { scheduledTime }) => {
  const before = new Date(scheduledTime.getTime() - keepDays * 86_400_000);
  const rows = await tx.query<{ pruned: number }>(
    "select usage.prune($1) + usage.prune_webhooks($1) as pruned",
    [before],
  );
  return { pruned: rows[0]?.pruned ?? 0 };
});
