import { onceADelivery } from "../../cron-run.ts";

export const usage_reconcile = onceADelivery(async (tx) => {
  const rows = await tx.query<{ drifted: number }>(
    "select count(*)::integer as drifted from usage.reconcile()",
  );
  return { drifted: rows[0]?.drifted ?? 0 };
});
