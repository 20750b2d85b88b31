import { type RequestHandler } from "express";
import { Histogram, type Registry } from "prom-client";
import { createBoundedLabel } from "./bounded-label.ts";

/** From a cached answer to the slowest that is waited for. */
export const durationBuckets = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
];

/** How long the webhooks of actions, cron and event triggers took, by their name. */
export const measureWebhooks = (registry: Registry): RequestHandler => {
  const duration = new Histogram({
    name: "hasura_usage_webhook_handler_duration_seconds",
    help: "Time to the end of the answer of a handler, by the kind and name of what calls it.",
    labelNames: ["kind", "name", "status"],
    buckets: durationBuckets,
    registers: [registry],
  });
  const nameOf = createBoundedLabel(100);
  return (request, response, next) => {
    const [, kind, name] = /^\/(actions|cron|events)\/([^/]+)$/u.exec(request.path) ?? [];
    if (kind === undefined) {
      next();
      return;
    }
    const end = duration.startTimer();
    response.once("close", () => {
      // A name that no handler has is a client's invention.
      const known = response.statusCode === 404 ? undefined : name;
      end({ kind, name: nameOf(known), status: String(response.statusCode) });
    });
    next();
  };
};
