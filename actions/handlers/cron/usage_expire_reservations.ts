import { onceADelivery } from "../../cron-run.ts";

/** The upkeep of every minute. No figure depends on it. */
export const usage_expire_reservations = onceADelivery(async (tx) => {
  const rows = await tx.query<{ expired: number; cooled: number }>(
    "select usage.expire_reservations() as expired, usage.merge_counters() as cooled",
  );
  return { expired: rows[0]?.expired ?? 0, cooled: rows[0]?.cooled ?? 0 };
});
