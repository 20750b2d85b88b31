/** What was asked through the door, by hour, caller and operation: sums for reports. The quota is counted by the gate. */
export { type ApiCallRollup, type ApiCallRollupDeps, createApiCallRollup } from "./rollup.ts";
export { otherOperations } from "./tally.ts";
export { type ApiCall } from "./types.ts";
