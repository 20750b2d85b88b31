/**
 * The package entry `hasura-usage/express`: plan gates for the routes of any Express app, with what they need to be made. Composes
 * core, postgres, domain and gateway; nothing imports it but tests.
 */
export {
  AppError,
  type Clock,
  type Database,
  type Logger,
  silentLogger,
  systemClock,
} from "../core/index.ts";
export { createGate, type Gate, type GateDecision, type GateRequest } from "../domain/gate/index.ts";
export { type Offer, type Standing } from "../domain/plans/index.ts";
export {
  createFallbackStore,
  createMemoryStore,
  type FallbackStore,
  type FallbackStoreDeps,
  type MemoryStoreDeps,
  type RateAnswer,
  type RateRequest,
  type RateStore,
} from "../domain/rate-limit/index.ts";
export {
  type CheckRateOptions,
  type CheckUploadOptions,
  type CheckUsageOptions,
  createPlanGates,
  type GateEvent,
  type GateName,
  type GateOptions,
  type OutagePolicy,
  type PlanGates,
  type PlanGatesDeps,
  type Refusal,
  type RefusalDetails,
} from "../gateway/plan-gates/index.ts";
export { createRedisStore, type RedisStore, type RedisStoreDeps } from "../gateway/rate-limit/index.ts";
export { createDatabase, type DatabaseOptions } from "../postgres/index.ts";
