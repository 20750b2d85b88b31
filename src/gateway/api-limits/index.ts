/** Hasura's `api_limits.yaml`, carried out at the door. */
export { type ApiLimits, parseApiLimits, type RoleLimits, type RoleRate } from "./api-limits.ts";
export { createApiLimitsStage, type ApiLimitsStageDeps } from "./api-limits-stage.ts";
