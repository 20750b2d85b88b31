/** The loop that works on rows of a queue in Postgres: events, calls of asynchronous actions, scheduled events. */
export { createQueueWorker, type QueueWorker, type QueueWorkerDeps } from "./queue-worker.ts";
export { type QueueMeter } from "./queue-meter.ts";
export { finishInFlight } from "./finish-in-flight.ts";
