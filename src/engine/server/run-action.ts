import type { GraphQLOutputType } from "graphql";

import type { Database } from "../../core/index.ts";
import { checkOutput, type AsyncActions, type CallAction } from "../actions/index.ts";
import type { HeaderMap, Session } from "../../auth/index.ts";
import { HasuraError } from "../errors.ts";
import { actionOutput, type RunAction } from "../execute/index.ts";
import { rawToJson } from "../json/index.ts";
import type { ActionMeta } from "../metadata/types.ts";
import type { PlannedOperation } from "../plan/index.ts";
import type { RoleSchema } from "../schema/index.ts";
import type { EngineState } from "./state.ts";

export interface ActionRunnerDeps {
  readonly database: Database;
  readonly callAction: CallAction;
  readonly asyncActions: AsyncActions;
}

export interface ActionRequest {
  readonly roleSchema: RoleSchema;
  readonly planned: PlannedOperation;
  readonly session: Session;
  readonly headers: HeaderMap;
  /** The document as the client sent it. */
  readonly query: string;
  /** Where the cookies of a mutation's webhooks go. */
  readonly setCookies: string[];
}

/** The declared output of an action, as the role that may call it sees it. */
export const outputTypeOf = ({ schema }: RoleSchema, action: ActionMeta): GraphQLOutputType => {
  const root = action.operation === "query" ? schema.getQueryType() : schema.getMutationType();
  const field =
    action.kind === "asynchronous"
      ? schema.getQueryType()?.getFields()[action.name]
      : root?.getFields()[action.name];
  if (field === undefined) throw new HasuraError({ message: "inconsistent metadata", code: "unexpected" });
  if (action.kind === "synchronous") return field.type;
  const output = "getFields" in field.type ? field.type.getFields()["output"] : undefined;
  if (output === undefined) throw new HasuraError({ message: "inconsistent metadata", code: "unexpected" });
  return output.type as GraphQLOutputType;
};

/** What the background needs to know of the asynchronous actions of a state. */
export const asynchronousActions = (
  state: EngineState,
): ReadonlyMap<string, { readonly action: ActionMeta; readonly output: GraphQLOutputType }> => {
  const actions = state.metadata.actions.filter((action) => action.kind === "asynchronous");
  if (actions.length === 0) return new Map();
  const schema = state.schemaFor("admin", false);
  return new Map(actions.map((action) => [action.name, { action, output: outputTypeOf(schema, action) }]));
};

/** Answers the fields of actions: calls a webhook, writes a call down, or tells what became of one. */
export const createActionRunner =
  (deps: ActionRunnerDeps, request: ActionRequest): RunAction =>
  async (plan) => {
    const { planned, session, headers } = request;
    const context = { variables: planned.variables, session };
    if (plan.kind === "action_result") {
      const result = await deps.asyncActions.result(plan.action, plan.id, session);
      return actionOutput(deps.database, context, result, plan.selection);
    }
    const inputJson = rawToJson(plan.input);
    if (plan.action.kind === "asynchronous") {
      return JSON.stringify(await deps.asyncActions.accept(plan.action, inputJson, session, headers));
    }
    const answer = await deps.callAction({
      action: plan.action,
      inputJson,
      session,
      clientHeaders: headers,
      requestQuery: request.query,
    });
    checkOutput(answer.value, outputTypeOf(request.roleSchema, plan.action));
    if (planned.operation === "mutation") request.setCookies.push(...answer.setCookies);
    return actionOutput(deps.database, context, answer.value, plan.selection);
  };
