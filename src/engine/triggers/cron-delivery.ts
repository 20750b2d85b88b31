import type { Clock } from "../../core/index.ts";
import type { CronTriggerMeta } from "../metadata/types.ts";
import { attemptDelivery, type AttemptDeps } from "./attempt.ts";
import type { CronEvent, CronStore } from "./cron-store.ts";

export interface CronDeliveryDeps extends AttemptDeps {
  readonly store: CronStore;
  readonly clock: Clock;
}

export type DeliverCronEvent = (trigger: CronTriggerMeta, event: CronEvent) => Promise<void>;

/** `2026-01-01T00:05:00Z`, without the milliseconds that Hasura does not write either. */
export const timeText = (moment: Date): string => moment.toISOString().replace(/\.\d{3}Z$/, "Z");

/** One try: dead when too late, delivered on 2xx, else again later until the tries are used up. */
export const createCronDelivery =
  (deps: CronDeliveryDeps): DeliverCronEvent =>
  async (trigger, event) => {
    const { store, clock } = deps;
    const { numRetries, retryIntervalSeconds, timeoutSeconds, toleranceSeconds } = trigger.retry;
    if (clock.now().getTime() - event.scheduledTime.getTime() > toleranceSeconds * 1000) {
      await store.markDead(event.id);
      return;
    }
    const body = {
      id: event.id,
      name: trigger.name,
      scheduled_time: timeText(event.scheduledTime),
      payload: trigger.payload,
      comment: trigger.comment ?? null,
    };
    const target = { ...trigger, webhook: { url: trigger.webhook }, timeoutSeconds };
    const attempt = await attemptDelivery(deps, target, JSON.stringify(body), null);
    if (attempt.delivered) {
      await store.settle(event.id, "delivered", attempt);
      return;
    }
    // A webhook that names a waiting time gets another try even when the tries are used up.
    if (event.tries >= numRetries && attempt.retryAfterSeconds === undefined) {
      await store.settle(event.id, "error", attempt);
      return;
    }
    const seconds = attempt.retryAfterSeconds ?? retryIntervalSeconds;
    await store.retryAt(event.id, new Date(clock.now().getTime() + seconds * 1000), attempt);
  };
