/**
 * The package entry `hasura-usage/telemetry`: events of a front end, kept and sent only as far as somebody agreed. Depends on nothing,
 * the rest of the project included, and runs in browsers and in Node.
 */
export {
  browserEnvironment,
  nodeEnvironment,
  type TelemetryWindow,
  webStorage,
  type WebStorage,
} from "./browser.ts";
export {
  createTelemetry,
  type Telemetry,
  type TelemetryExport,
  type TelemetryOptions,
  type TrackOptions,
} from "./create-telemetry.ts";
export { memoryStorage } from "./safe-storage.ts";
export {
  type Consent,
  type ConsentCategory,
  type ConsentChoice,
  type SendAnswer,
  type SendRequest,
  type TelemetryClock,
  type TelemetryCounts,
  type TelemetryEnvironment,
  type TelemetryEvent,
  type TelemetryFault,
  type TelemetryState,
  type TelemetryStorage,
} from "./types.ts";
