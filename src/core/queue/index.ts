/** What makes many of few: rows of a queue in Postgres that are worked on side by side, requests that share a statement. */
export { type Combiner, type CombinerLimits, createCombiner } from "./combiner.ts";
export { createQueueWorker, type QueueWorker, type QueueWorkerDeps } from "./queue-worker.ts";
export { type QueueMeter } from "./queue-meter.ts";
export { finishInFlight } from "./finish-in-flight.ts";
