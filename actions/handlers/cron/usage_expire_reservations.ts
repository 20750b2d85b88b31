import { onceADelivery } from "../../cron-run.ts";

export const usage_expire_reservations = onceADelivery(async (tx) => {
  const rows = await tx.query<{ expired: number }>("select usage.expire_reservations() as expired");
  return { expired: rows[0]?.expired ?? 0 };
});
