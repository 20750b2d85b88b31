/**
 * Owns what the engine sends on its own: cron triggers and event triggers, their events in Postgres, when they are due,
 * and the delivery to webhooks at least once.
 */
export {
  createCronScheduler,
  readSchedule,
  type CronFiring,
  type CronScheduler,
  type CronSchedulerDeps,
} from "./cron-scheduler.ts";
export { parseSchedule, type CronTimes } from "./cron-times.ts";
export { resolveWebhook } from "./attempt.ts";
export {
  createEventTriggers,
  readEventTriggers,
  type EventTriggers,
  type EventTriggersDeps,
} from "./event-triggers.ts";
export { createScheduledEvents, type ScheduledEvents } from "./scheduled-events.ts";
export {
  deleteScheduledEvent,
  listScheduledEvents,
  listScheduledInvocations,
  type ListedRows,
  type Page,
  type ScheduledKind,
  type ScheduledStatus,
} from "./scheduled-lists.ts";
export { type NewScheduledEvent } from "./scheduled-store.ts";
