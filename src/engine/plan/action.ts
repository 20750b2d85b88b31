import { HasuraError, validationFailed } from "../errors.ts";
import type { ActionMeta } from "../metadata/types.ts";
import type { FieldBinding } from "../schema/bindings.ts";
import type { RoleSchema } from "../schema/types.ts";
import { SqlBuilder } from "../sql/builder.ts";
import { ident, literal, typeOf } from "../sql/quote.ts";
import { collectBelow, type SelectedField, type SelectionScope } from "./collect-fields.ts";
import { type PlanContext, selectFilter, tableOf } from "./context.ts";
import { inputToRaw, readArguments } from "./input.ts";
import { compileAggregate, compileMany, compileOne } from "./select.ts";
import type { ActionFieldPlan, ActionResultPlan, ActionSelection } from "./types.ts";
import { allOf } from "./where.ts";

export interface ActionPlanInput {
  readonly schema: RoleSchema;
  readonly scope: SelectionScope;
  readonly stringifyNumericTypes: boolean;
}

type RelationshipBinding = Extract<
  FieldBinding,
  { readonly kind: "action_relationship" | "action_relationship_aggregate" }
>;

const inconsistent = (internal: object): HasuraError =>
  new HasuraError({ message: "inconsistent metadata", code: "unexpected", internal });

/** One row for each object of the output that has the relationship, in the order they are handed in. */
const joinStatement = (
  input: ActionPlanInput,
  field: SelectedField,
  binding: RelationshipBinding,
): ActionSelection["join"] => {
  const context: PlanContext = { ...input, builder: new SqlBuilder() };
  const { builder } = context;
  const relationship = input.schema.customTypes.objects
    .find((type) => type.name === binding.type)
    ?.relationships.find((candidate) => candidate.name === binding.name);
  if (relationship === undefined) throw inconsistent({ relationship: binding.name });
  const target = tableOf(context, binding.target);
  const parents = builder.alias("o");
  const rows = builder.bind({ kind: "rows" });
  const join = (inner: string): string | undefined =>
    allOf(
      [...relationship.mapping].map(([from, to]) => {
        const column = target.info.columns.get(to);
        if (column === undefined) throw inconsistent({ column: to });
        return `${inner}.${ident(to)} = (${parents}."v" ->> ${literal(from)})::${typeOf(column)}`;
      }),
    );
  const sql =
    binding.kind === "action_relationship_aggregate"
      ? compileAggregate(context, field, target, { join })
      : binding.relationship === "array"
        ? compileMany(context, field, target, { join })
        : compileOne(context, field, target, (inner) =>
            allOf([join(inner), selectFilter(context, target, inner)]),
          );
  const text = [
    'select "l"."j"::text as "root"',
    `from jsonb_array_elements(${rows}::jsonb) with ordinality as ${parents}("v", "n")`,
    `left join lateral (\n${sql}\n) as "l" on true`,
    `order by ${parents}."n"`,
  ].join("\n");
  return { statement: builder.statement(text), errorPath: "$" };
};

/** Fields of an output take no arguments, nor does an object relationship. */
const refuseArguments = (input: ActionPlanInput, field: SelectedField): void => {
  if (field.definition) readArguments(input.scope, field.definition, field.args, field.path);
};

const selectionOf = (input: ActionPlanInput, field: SelectedField): readonly ActionSelection[] | null =>
  field.type
    ? collectBelow(input.scope, field).map((below): ActionSelection => {
        const { key, name, binding } = below;
        refuseArguments(input, below);
        if (binding?.kind === "action_relationship" || binding?.kind === "action_relationship_aggregate") {
          const join = joinStatement(input, below, binding);
          return { key, name, selection: null, ...(join === undefined ? {} : { join }) };
        }
        return {
          key,
          name,
          selection: selectionOf(input, below),
          ...(binding?.kind === "typename" ? { typename: field.type?.name ?? "" } : {}),
        };
      })
    : null;

const actionOf = (input: ActionPlanInput, field: SelectedField, name: string): ActionMeta => {
  const action = input.schema.actions.get(name);
  if (!action) throw validationFailed(`field '${field.name}' not found in type: 'query_root'`, field.path);
  return action;
};

const argumentsOf = (input: ActionPlanInput, field: SelectedField): ActionFieldPlan["read"] => {
  if (!field.definition) throw inconsistent({ field: field.name });
  const args = [...readArguments(input.scope, field.definition, field.args, field.path)];
  return (variables) => Object.fromEntries(args.map(([key, value]) => [key, inputToRaw(value, variables)]));
};

export const planAction = (input: ActionPlanInput, field: SelectedField, name: string): ActionFieldPlan => {
  const action = actionOf(input, field, name);
  const read = argumentsOf(input, field);
  return {
    kind: "action",
    action,
    input: read(input.scope.variables),
    read,
    selection: selectionOf(input, field),
    path: field.path,
  };
};

const uuid = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i;

export const planActionResult = (
  input: ActionPlanInput,
  field: SelectedField,
  name: string,
): ActionResultPlan => {
  const { id } = argumentsOf(input, field)(input.scope.variables);
  if (typeof id !== "string" || !uuid.test(id)) {
    throw validationFailed(
      "invalid UUID format, expected a string in UUID format for the id of an action",
      `${field.path}.args.id`,
    );
  }
  return {
    kind: "action_result",
    action: actionOf(input, field, name),
    id,
    selection: selectionOf(input, field) ?? [],
  };
};
