import { onceADelivery } from "../../cron-run.ts";

/** The upkeep of every minute. No figure depends on it. */
export const usage_expire_reservations = onceADelivery(async (tx) => {
  const rows = await tx.query<{ expired: number; merged: number }>(
    "select usage.expire_reservations() as expired, usage.merge_counters() as merged",
  );
  return { expired: rows[0]?.expired ?? 0, merged: rows[0]?.merged ?? 0 };
});
