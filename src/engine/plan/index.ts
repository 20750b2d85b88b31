/**
 * Turns a parsed document into statements for one role: fragments, directives, aliases, variables and arguments are
 * resolved here, with Hasura's messages and paths; nothing is run.
 */
export { type ExplainedParameter, type ExplainedStatement, listStatements } from "./list-statements.ts";
export { planOperation, type PlanOperationInput } from "./plan-operation.ts";
export type {
  ActionFieldPlan,
  ActionResultPlan,
  ActionSelection,
  FieldPlan,
  InputValidation,
  IntrospectionFieldPlan,
  PlannedField,
  PlannedOperation,
  SqlFieldPlan,
  TypenamePlan,
  WritePlan,
} from "./types.ts";
