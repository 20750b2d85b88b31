import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import { type QueueMeter } from "../core/index.ts";
import { durationBuckets } from "./http-metrics.ts";

/** What waits in memory for its call: figures of every queue that is handed the meter, those of one name together. */
export const measureQueues = (registry: Registry): QueueMeter => {
  const queues = new Map<string, (() => number)[]>();
  new Gauge({
    name: "hasura_usage_queue_waiting",
    help: "Requests that wait in memory for a call that they share.",
    labelNames: ["queue"],
    registers: [registry],
    collect() {
      for (const [queue, counts] of queues) {
        this.set(
          { queue },
          counts.reduce((sum, count) => sum + count(), 0),
        );
      }
    },
  });
  const wait = new Histogram({
    name: "hasura_usage_queue_wait_seconds",
    help: "How long the first request of a call had waited for it.",
    labelNames: ["queue"],
    buckets: durationBuckets,
    registers: [registry],
  });
  const requests = new Counter({
    name: "hasura_usage_queue_requests_total",
    help: "Requests that went into calls; divided by the calls, how many share one.",
    labelNames: ["queue"],
    registers: [registry],
  });
  return {
    watch: (what, waiting) => {
      queues.set(what, [...(queues.get(what) ?? []), waiting]);
      wait.zero({ queue: what });
      requests.inc({ queue: what }, 0);
    },
    called: (what, size, waitedMs) => {
      wait.observe({ queue: what }, waitedMs / 1000);
      requests.inc({ queue: what }, size);
    },
  };
};
