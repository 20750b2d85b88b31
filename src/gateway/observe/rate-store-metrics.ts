import { Counter, Gauge, type Registry } from "prom-client";
import type { RateStore } from "../../domain/rate-limit/index.ts";

export interface RateStoreMetricsDeps {
  readonly registry: Registry;
  readonly store: RateStore;
  /** Windows and groups held in this process. */
  readonly size: () => number;
}

/** The same store, with its decisions counted: by which store decided, which shows when a local one stands in, and by failures. */
export const observeRateStore = ({ registry, store, size }: RateStoreMetricsDeps): RateStore => {
  const decisions = new Counter({
    name: "hasura_usage_rate_decisions_total",
    help: "Decisions on rates, by the store that made them (local stands in for a shared one) and by their result.",
    labelNames: ["store", "result"],
    registers: [registry],
  });
  const failures = new Counter({
    name: "hasura_usage_rate_store_failures_total",
    help: "Decisions that no store could make.",
    registers: [registry],
  });
  new Gauge({
    name: "hasura_usage_rate_windows",
    help: "Windows and groups that this process holds.",
    registers: [registry],
    collect() {
      this.set(size());
    },
  });
  return {
    take: (request) => {
      const note = (answer: Awaited<ReturnType<RateStore["take"]>>): typeof answer => {
        decisions.inc({ store: answer.store, result: answer.allowed ? "allowed" : "refused" });
        return answer;
      };
      const fail = (error: unknown): never => {
        failures.inc();
        throw error;
      };
      try {
        const answer = store.take(request);
        // A store in memory answers at once, and need not wait here.
        return answer instanceof Promise ? answer.then(note, fail) : note(answer);
      } catch (error) {
        return fail(error);
      }
    },
    giveBack: (request, answer) => store.giveBack(request, answer),
  };
};
