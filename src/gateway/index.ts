/** The door in front of Hasura. Owns who asks, what a client may reach and in which order requests are judged; not the schema, not the counting. */
export {
  createApiLimitsStage,
  parseApiLimits,
  type ApiLimits,
  type ApiLimitsStageDeps,
} from "./api-limits/index.ts";
export { createQuotaStage, createRollupStage, type QuotaStageDeps } from "./api-calls/index.ts";
export { createGateway, type Gateway, type GatewayDeps } from "./app.ts";
export type { AdminCaller, AnonymousCaller, Caller, ServiceCaller, UserCaller } from "./caller.ts";
export { createAccess, type Access, type AccessDeps } from "./identity/access.ts";
export { createIdentity, type IdentityDeps } from "./identity/identity.ts";
export type { Identified, Identity, IdentityRequest } from "./identity/types.ts";
export {
  createRateLimitStage,
  createRedisStore,
  type RateLimitStageDeps,
  type RedisStore,
  type RedisStoreDeps,
} from "./rate-limit/index.ts";
export {
  createLogStage,
  createMetricsStage,
  createTraceStage,
  observeRateStore,
  withRequestId,
} from "./observe/index.ts";
export type { OperationShape } from "./requests/operation-shape.ts";
export { callerOf, type GatewayRoute } from "./routes.ts";
export { defaultGatewaySettings, type GatewaySettings } from "./settings.ts";
export type {
  Admission,
  Allowed,
  GatewayObserver,
  GatewayRequest,
  GatewayStage,
  Outcome,
  Refused,
  TurnedAway,
} from "./stage.ts";
export { createTrackRouter, trackPath, type TrackRouterDeps } from "./track/index.ts";
export type { InProcessUpstream, Upstream, UrlUpstream } from "./upstream/types.ts";
