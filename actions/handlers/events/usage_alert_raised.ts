import { z } from "zod";
import { defineEvent } from "../../handler.ts";

/** Puts an alert into the queues and wakes those who empty them. */
export const usage_alert_raised = defineEvent({
  row: z.object({ id: z.uuid() }),
  run: async ({ eventId, row }, { alerts, delivery }) => {
    const queued = await alerts({ eventId, alertId: row.id });
    delivery.wake();
    return queued;
  },
});
