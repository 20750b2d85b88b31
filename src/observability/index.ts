/**
 * What a process tells of itself: figures for Prometheus, a log without secrets, reports of errors. Owns formats, bounds and who may
 * ask; what is measured is handed in. Sees core only.
 */
export { createBoundedLabel, otherLabel } from "./bounded-label.ts";
export { collectDatabaseMetrics, type DatabaseMetricsDeps } from "./database-metrics.ts";
export { createErrorReporter, type ErrorReporter, type ErrorReporterDeps } from "./error-reporter.ts";
export { errorReportUrl } from "./settings.ts";
export { secretVariables, wordsOfAddress, wordsOfJwtSecret } from "./secret-words.ts";
export { type ErrorReport, withErrorReports } from "./error-reports.ts";
export { durationBuckets, measureWebhooks } from "./http-metrics.ts";
export { type AppLoggerOptions, createAppLogger, createScrubber } from "./logger.ts";
export { createMetricsRoute, type MetricsRouteDeps } from "./metrics-route.ts";
export { collectPoolMetrics, type SessionFigures } from "./pool-metrics.ts";
export { measureQueues } from "./queue-metrics.ts";
export { createMetricsRegistry } from "./registry.ts";
