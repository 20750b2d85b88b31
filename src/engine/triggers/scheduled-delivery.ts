import type { ScheduledRetry } from "../metadata/types.ts";
import { deliverOnce, type DeliverOnceDeps, type DeliverOnceTarget } from "./deliver-once.ts";
import type { LockedEvent, ScheduledRows } from "./scheduled-rows.ts";

export interface ScheduledDeliveryDeps extends DeliverOnceDeps<LockedEvent> {
  readonly store: ScheduledRows;
}

export interface DueEvent extends LockedEvent {
  readonly scheduledTime: Date;
}

/** `2026-01-01T00:05:00Z`, without the milliseconds that Hasura does not write either. */
export const timeText = (moment: Date): string => moment.toISOString().replace(/\.\d{3}Z$/, "Z");

/** One try, or none: an event that is too late is dead. */
export const deliverScheduled = async (
  deps: ScheduledDeliveryDeps,
  event: DueEvent,
  target: DeliverOnceTarget & { readonly retry: ScheduledRetry },
  body: string,
): Promise<void> => {
  const lateMs = deps.clock.now().getTime() - event.scheduledTime.getTime();
  if (lateMs > target.retry.toleranceSeconds * 1000) await deps.store.markDead(event.id);
  else await deliverOnce(deps, event, target, body, null);
};
