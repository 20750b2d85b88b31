import type { CronTriggerMeta } from "../metadata/types.ts";
import type { CronEvent } from "./cron-store.ts";
import { deliverScheduled, type ScheduledDeliveryDeps, timeText } from "./scheduled-delivery.ts";

export type DeliverCronEvent = (trigger: CronTriggerMeta, event: CronEvent) => Promise<void>;

export const createCronDelivery =
  (deps: ScheduledDeliveryDeps): DeliverCronEvent =>
  (trigger, event) =>
    deliverScheduled(
      deps,
      event,
      { ...trigger, webhook: { url: trigger.webhook }, what: `cron ${trigger.name}` },
      JSON.stringify({
        id: event.id,
        name: trigger.name,
        scheduled_time: timeText(event.scheduledTime),
        payload: trigger.payload,
        comment: trigger.comment ?? null,
      }),
    );
