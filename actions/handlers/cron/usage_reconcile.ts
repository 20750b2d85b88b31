import { onceADelivery } from "../../cron-run.ts";

export const usage_reconcile = onceADelivery(async (tx) => {
  const rows = await tx.query<{ drifted: number }>(
    `select (
       (select count(*) from usage.reconcile())
       + (select count(*) from usage.reconcile_members())
     )::integer as drifted`,
  );
  return { drifted: rows[0]?.drifted ?? 0 };
});
