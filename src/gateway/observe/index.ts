/** What the gateway tells of the requests that pass it: figures, lines of the log, and one id for each on its whole way. */
export { createLogStage } from "./log-stage.ts";
export { createMetricsStage } from "./metrics-stage.ts";
export { observeRateStore, type RateStoreMetricsDeps } from "./rate-store-metrics.ts";
export { createTraceStage } from "./trace-stage.ts";
export { withRequestId } from "./request-id.ts";
