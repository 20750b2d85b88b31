/**
 * Plan gates for the routes of any Express app: what the plan of a workspace lacks is refused with 403, 413 or 429 before the
 * handler runs. Owns the answers and what an outage means; decides nothing, which is the database's and the gate's.
 */
export { createPlanGates, type PlanGates } from "./create-plan-gates.ts";
export { type CheckRateOptions } from "./check-rate.ts";
export { type CheckUploadOptions } from "./check-upload.ts";
export { type CheckUsageOptions } from "./check-usage.ts";
export {
  type GateEvent,
  type GateName,
  type GateOptions,
  type OutagePolicy,
  type PlanGatesDeps,
  type Refusal,
  type RefusalDetails,
} from "./types.ts";
