import { onceADelivery } from "../../cron-run.ts";

export const usage_reconcile = onceADelivery(async (tx) => {
  const rows = await tx.query<{ checked: string; drifted: string }>(
    `select count(*) as checked,
       count(*) filter (where drift <> 0) as drifted
     from usage.reconcile()`,
  );
  return { checked: Number(rows[0]?.checked ?? 0), drifted: Number(rows[0]?.drifted ?? 0) };
});
