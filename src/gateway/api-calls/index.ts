/** Counts what passes the door: the quota of API calls, and the sums for reports. */
export { createQuotaStage, type QuotaStageDeps } from "./quota-stage.ts";
export { createRollupStage } from "./rollup-stage.ts";
