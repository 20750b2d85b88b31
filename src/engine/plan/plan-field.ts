import { HasuraError } from "../errors.ts";
import { SqlBuilder } from "../sql/builder.ts";
import { planAction, planActionResult } from "./action.ts";
import { columnCell } from "./cells.ts";
import { collectBelow, type SelectedField, type SelectionScope } from "./collect-fields.ts";
import { type PlanContext, selectFilter, tableOf } from "./context.ts";
import { functionCall, functionOf } from "./function-call.ts";
import { planInsert } from "./insert.ts";
import {
  argumentsOf,
  compileAggregate,
  compileBase,
  compileMany,
  compileOne,
  objectOfRow,
} from "./select.ts";
import { planStream } from "./stream.ts";
import type { FieldPlan } from "./types.ts";
import { planDelete, planUpdate, planUpdateMany } from "./update.ts";
import { allOf } from "./where.ts";
import type { RoleSchema } from "../schema/types.ts";
import { bindValue } from "./context.ts";
import { typeOf } from "../sql/quote.ts";

export interface FieldPlanInput {
  readonly schema: RoleSchema;
  readonly scope: SelectionScope;
  readonly stringifyNumericTypes: boolean;
  readonly operation: "query" | "mutation" | "subscription";
}

const functionSql = (context: PlanContext, field: SelectedField, key: string, aggregate: boolean): string => {
  const fn = functionOf(context, key);
  const table = tableOf(context, fn.table);
  const from = functionCall(context, fn, argumentsOf(context, field), field.path);
  if (aggregate) return compileAggregate(context, field, table, { from });
  if (fn.info.returnsSet) return compileMany(context, field, table, { from });
  // A function that finds nothing still yields one row, of nulls.
  const args = argumentsOf(context, field);
  const present = (inner: string): string => `not (${inner} is null)`;
  const base = compileBase(context, field, table, args, { from, join: present }, undefined);
  return objectOfRow(
    context,
    table,
    collectBelow(context.scope, field),
    base.sql,
    context.builder.alias("b"),
  );
};

const readSql = (context: PlanContext, field: SelectedField): string | undefined => {
  const { binding } = field;
  switch (binding?.kind) {
    case "select":
      return compileMany(context, field, tableOf(context, binding.table), {});
    case "select_aggregate":
      return compileAggregate(context, field, tableOf(context, binding.table), {});
    case "select_by_pk": {
      const table = tableOf(context, binding.table);
      const args = argumentsOf(context, field);
      return compileOne(context, field, table, (alias) =>
        allOf([
          ...[...args].map(([name, value]) => {
            const column = table.columns.get(name);
            return (
              column &&
              `${columnCell(context, table, alias, column)} = ${bindValue(context, value, column.type)}::${typeOf(column)}`
            );
          }),
          selectFilter(context, table, alias),
        ]),
      );
    }
    case "function":
      return functionSql(context, field, binding.fn, false);
    case "function_aggregate":
      return functionSql(context, field, binding.fn, true);
    default:
      return undefined;
  }
};

const writeWith = (context: PlanContext, field: SelectedField): FieldPlan | undefined => {
  const { binding } = field;
  if (!binding || !("table" in binding)) return undefined;
  const table = tableOf(context, binding.table);
  switch (binding.kind) {
    case "insert":
      return planInsert(context, field, table, false);
    case "insert_one":
      return planInsert(context, field, table, true);
    case "update":
      return planUpdate(context, field, table, false);
    case "update_by_pk":
      return planUpdate(context, field, table, true);
    case "update_many":
      return planUpdateMany(context, field, table);
    case "delete":
      return planDelete(context, field, table, false);
    case "delete_by_pk":
      return planDelete(context, field, table, true);
    default:
      return undefined;
  }
};

const NO_QUERIES =
  "There are no queries available to the current role. Either there are no sources or remote schemas configured, " +
  "or the current role doesn't have the required permissions.";

/** Plans one root field that is neither introspection nor `__typename`. */
export const planField = (input: FieldPlanInput, field: SelectedField): FieldPlan => {
  const { binding } = field;
  if (binding?.kind === "action") return planAction(input, field, binding.action);
  if (binding?.kind === "action_result") return planActionResult(input, field, binding.action);
  if (binding?.kind === "no_queries_available") {
    return { kind: "typename", name: NO_QUERIES };
  }
  const context: PlanContext = {
    builder: new SqlBuilder(),
    schema: input.schema,
    scope: input.scope,
    stringifyNumericTypes: input.stringifyNumericTypes,
  };
  if (binding?.kind === "select_stream") return planStream(context, field, tableOf(context, binding.table));
  const written = writeWith(context, field);
  if (written) return written;
  const sql = readSql(context, field);
  if (sql === undefined) {
    throw new HasuraError({
      message: `field '${field.name}' is not supported`,
      code: "not-supported",
      path: field.path,
    });
  }
  const list = binding?.kind === "select" || binding?.kind === "select_aggregate";
  const text = list
    ? `select "q"."j"::text as "root" from (\n${sql}\n) as "q"`
    : `select (\n${scalarOf(sql)}\n)::text as "root"`;
  if (input.operation === "mutation") {
    return { kind: "write", statement: context.builder.statement(text), errorPath: "$", checkPath: "$" };
  }
  return { kind: "sql", statement: context.builder.statement(text), errorPath: "$" };
};

/** A statement of at most one row, as a value. */
const scalarOf = (sql: string): string => `select "q"."j" from (\n${sql}\n) as "q" limit 1`;
