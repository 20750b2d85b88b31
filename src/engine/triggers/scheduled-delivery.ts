import type { Clock } from "../../core/index.ts";
import type { ScheduledRetry } from "../metadata/types.ts";
import { attemptDelivery, type AttemptDeps, type AttemptTarget } from "./attempt.ts";
import type { ScheduledRows } from "./scheduled-rows.ts";

export interface ScheduledDeliveryDeps extends AttemptDeps {
  readonly store: ScheduledRows;
  readonly clock: Clock;
}

export interface DueEvent {
  readonly id: string;
  readonly scheduledTime: Date;
  readonly tries: number;
}

/** `2026-01-01T00:05:00Z`, without the milliseconds that Hasura does not write either. */
export const timeText = (moment: Date): string => moment.toISOString().replace(/\.\d{3}Z$/, "Z");

/** One try: dead when too late, delivered on 2xx, else again later until the tries are used up. */
export const deliverScheduled = async (
  deps: ScheduledDeliveryDeps,
  event: DueEvent,
  target: Omit<AttemptTarget, "timeoutSeconds"> & { readonly retry: ScheduledRetry },
  body: string,
): Promise<void> => {
  const { store, clock } = deps;
  const { numRetries, retryIntervalSeconds, timeoutSeconds, toleranceSeconds } = target.retry;
  if (clock.now().getTime() - event.scheduledTime.getTime() > toleranceSeconds * 1000) {
    await store.markDead(event.id);
    return;
  }
  const attempt = await attemptDelivery(deps, { ...target, timeoutSeconds }, body, null);
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
