/** Ports and words that every module shares: no dependency on anything else in the project. */
export { type Clock, systemClock } from "./clock.ts";
export {
  type BatchStatement,
  type Database,
  type Notification,
  type Queryable,
  type QueryOptions,
  type Row,
  type TextRows,
  type Transaction,
} from "./database.ts";
export { AppError, type AppErrorOptions, type ErrorKind } from "./errors.ts";
export {
  HasuraError,
  validationFailed,
  type HasuraErrorCode,
  type HasuraErrorOptions,
} from "./hasura-error.ts";
export {
  dropSourceTables,
  ensureHdbCatalog,
  isCatalogUnused,
  readCatalogVersion,
} from "./hdb-catalog/index.ts";
export { type Logger, silentLogger } from "./logger.ts";
export { requestIdHeader, requestIdOf } from "./request-id.ts";
export { createSecretCheck } from "./secret.ts";
export {
  createSessionNames,
  defaultSessionNames,
  isProductRole,
  type ProductRole,
  productRoles,
  type RoleName,
  type SessionNames,
  type SessionNameSettings,
} from "./session-names.ts";
export {
  currentContext,
  detached,
  errorTypeOf,
  inChildSpan,
  injectTrace,
  inSharedSpan,
  inSpan,
  remoteContext,
  shortWord,
  type SpanInput,
  type TraceContext,
} from "./tracing/index.ts";
export {
  type Combiner,
  type CombinerLimits,
  createCombiner,
  createQueueWorker,
  finishInFlight,
  type QueueMeter,
  type QueueWorker,
  type QueueWorkerDeps,
} from "./queue/index.ts";
