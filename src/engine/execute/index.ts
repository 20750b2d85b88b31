/** Runs planned operations against the database port and turns Postgres's refusals into Hasura's. */
export { actionOutput } from "./action-output.ts";
export { executeOperation, type ExecuteOperationInput, type RunAction } from "./execute-operation.ts";
export { type LivePlan, livePlanOf, type LiveRow } from "./live-plan.ts";
export { fromPostgresError } from "./postgres-errors.ts";
export { bindAll, type ExecutionSession, runWithValues, sessionJson } from "./statement.ts";
