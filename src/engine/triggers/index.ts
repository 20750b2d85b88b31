/** Owns cron triggers: their events in Postgres, when they are due, and the delivery to webhooks at least once. */
export {
  createCronScheduler,
  readSchedule,
  type CronFiring,
  type CronScheduler,
  type CronSchedulerDeps,
} from "./cron-scheduler.ts";
export { parseSchedule, type CronTimes } from "./cron-times.ts";
