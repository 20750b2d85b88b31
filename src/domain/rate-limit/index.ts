/**
 * How many requests a minute: a sliding window that is never above its limit and never more than a hundredth below. Owns the
 * counting, what a request weighs and which limits apply to whom; knows no HTTP and no driver of a store.
 */
export { costOf, type OperationSize } from "./cost.ts";
export { createFallbackStore, type FallbackStore, type FallbackStoreDeps } from "./fallback-store.ts";
export {
  createRateLimiter,
  defaultRateSettings,
  type PolicyState,
  type RateCaller,
  type RateDecision,
  type RateLimiter,
  type RateLimiterDeps,
  type RateSettings,
} from "./limiter.ts";
export { createRateLimits, type RateLimits, type RateLimitsDeps, type WorkspaceRate } from "./limits.ts";
export { createMemoryStore, type MemoryStore, type MemoryStoreDeps } from "./memory-store.ts";
export {
  type RateAnswer,
  type RateRequest,
  type RateStore,
  type RateWindow,
  type WindowState,
} from "./types.ts";
export { runsPerWindow } from "./window-log.ts";
