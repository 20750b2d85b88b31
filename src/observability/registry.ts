import { collectDefaultMetrics, Registry } from "prom-client";

/** A registry of its own, with the figures of the process: two products in one process do not add up. */
export const createMetricsRegistry = (): Registry => {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return registry;
};
