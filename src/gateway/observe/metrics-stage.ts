import { Counter, Histogram, type Registry } from "prom-client";
import { createBoundedLabel, durationBuckets } from "../../observability/index.ts";
import type { GatewayObserver } from "../stage.ts";

/** Figures of every request of the gateway; none of their labels is a client's to choose.  */
export const createMetricsStage = (registry: Registry): GatewayObserver => {
  const requests = new Counter({
    name: "hasura_usage_requests_total",
    help: "Requests and WebSocket operations, by protocol, kind of caller and status of the answer.",
    labelNames: ["protocol", "caller", "status"],
    registers: [registry],
  });
  const refusals = new Counter({
    name: "hasura_usage_refusals_total",
    help: "Requests that the gateway itself refused, by stage and code.",
    labelNames: ["stage", "code"],
    registers: [registry],
  });
  const errors = new Counter({
    name: "hasura_usage_errors_total",
    help: "Answers of the upstream with an error, by its code where it is known.",
    labelNames: ["code"],
    registers: [registry],
  });
  const duration = new Histogram({
    name: "hasura_usage_request_duration_seconds",
    help: "Time to the last byte of the answer, or to the first answer of a subscription.",
    labelNames: ["protocol"],
    buckets: durationBuckets,
    registers: [registry],
  });
  const bytes = new Counter({
    name: "hasura_usage_request_bytes_total",
    help: "Bytes of bodies and frames, in and out.",
    labelNames: ["protocol", "direction"],
    registers: [registry],
  });
  const codeOf = createBoundedLabel(100);
  return {
    name: "metrics",
    admit: () => ({ allowed: true }),
    turnedAway: ({ protocol, caller, by, status, code }) => {
      requests.inc({ protocol, caller: caller?.kind ?? "unknown", status: String(status) });
      refusals.inc({ stage: by, code: codeOf(code) });
    },
    settle: ({ protocol, caller }, { status, code, refusedBy, latencyMs, bytesIn, bytesOut }) => {
      requests.inc({ protocol, caller: caller.kind, status: String(status) });
      if (refusedBy !== undefined) refusals.inc({ stage: refusedBy, code: codeOf(code) });
      else if (code !== undefined) errors.inc({ code: codeOf(code) });
      duration.observe({ protocol }, latencyMs / 1000);
      bytes.inc({ protocol, direction: "in" }, bytesIn);
      bytes.inc({ protocol, direction: "out" }, bytesOut);
    },
  };
};
