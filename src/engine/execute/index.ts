/** Runs planned operations against the database port and turns Postgres's refusals into Hasura's. */
export { executeOperation, type ExecuteOperationInput, type RunAction } from "./execute-operation.ts";
export { fromPostgresError } from "./postgres-errors.ts";
export { type ExecutionSession, sessionJson } from "./statement.ts";
