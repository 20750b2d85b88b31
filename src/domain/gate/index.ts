/**
 * How a process asks the database's gate: one call for the requests of a workspace that arrive together. Owns the queueing
 * and what an outage means; decides nothing, which is `usage.gate_many`'s alone.
 */
export { type Correction, type CorrectionRequest, correctUsage } from "./corrections.ts";
export { createGate, type Gate, type GateDeps } from "./gate.ts";
export { type RefusedStatement, refusedStatement } from "./refused-statement.ts";
export { type AddOnOffer, type GateDecision, type GateRequest, type MemberUse } from "./types.ts";
