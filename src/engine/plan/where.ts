import { validationFailed } from "../errors.ts";
import type { ColumnInfo } from "../catalog/types.ts";
import type { RoleTable } from "../schema/types.ts";
import { castOf, columnOperatorOf, isListShape, operandType, operatorOf } from "../sql/operators.ts";
import { ident, qualified } from "../sql/quote.ts";
import {
  bindFlag,
  bindList,
  bindValue,
  fieldsOf,
  itemsOf,
  listExpected,
  objectExpected,
  type PlanContext,
  selectFilter,
  tableOf,
  unexpectedNull,
} from "./context.ts";
import { compileAggregateWhere } from "./aggregate-where.ts";
import { columnCell, computedCell } from "./cells.ts";
import { computedFieldCall } from "./function-call.ts";
import { checkPlainScalar, type Input } from "./input.ts";

/** Joins conditions; undefined ones let every row through. */
export const allOf = (parts: readonly (string | undefined)[]): string | undefined => {
  const given = parts.filter((part): part is string => part !== undefined && part !== "true");
  return given.length === 0 ? undefined : given.join(" and ");
};

export const joinCondition = (
  mapping: readonly { readonly from: string; readonly to: string }[],
  parent: string,
  child: string,
): string =>
  mapping.map((pair) => `${child}.${ident(pair.to)} = ${parent}.${ident(pair.from)}`).join(" and ");

/** One comparison of a filter; `column` says how the operand is to be read. */
export const compare = (
  context: PlanContext,
  left: string,
  column: Pick<ColumnInfo, "type" | "typeSchema">,
  name: string,
  operand: Input,
): string => {
  if (name === "_cast") {
    if (operand.kind === "null") throw objectExpected(operand);
    const inner = [...fieldsOf(operand).values()].flatMap((target) =>
      [...fieldsOf(target)].map(([key, value]) =>
        compare(context, `${left}::text`, { ...column, type: "text", typeSchema: "pg_catalog" }, key, value),
      ),
    );
    return inner.length === 0 ? "true" : inner.join(" and ");
  }
  const operator = operatorOf(name);
  if (!operator || columnOperatorOf(name) !== undefined) {
    throw validationFailed(`field '${name}' not found in type: '${operand.type}'`, operand.path);
  }
  if (operand.kind === "null") {
    if (operator.shape === "boolean") checkPlainScalar("Boolean", null, operand.path);
    if (isListShape(operator.shape)) throw listExpected(operand);
    // The one operator whose operand may be null: no key is null, so no row has it.
    if (name !== "_has_key") throw unexpectedNull(operand);
  }
  if (operator.shape === "boolean") {
    if (operand.kind === "scalar") {
      const value = checkPlainScalar("Boolean", operand.value, operand.path);
      return `${left} is ${value === true ? "" : "not "}null`;
    }
    return operator.sql(left, bindFlag(context, operand));
  }
  const type = operandType(operator.shape, column);
  const placeholder = isListShape(operator.shape)
    ? bindList(context, operand, type)
    : bindValue(context, operand, type);
  return operator.sql(left, `${placeholder}::${castOf(operator.shape, column)}`);
};

/** A client's boolean expression over the row `alias`; relationships carry the target's own row filter. */
export const compileWhere = (
  context: PlanContext,
  table: RoleTable,
  alias: string,
  input: Input | undefined,
): string | undefined => {
  if (!input || input.kind === "null") return undefined;
  const parts: string[] = [];
  for (const [name, value] of fieldsOf(input)) {
    if (name === "_and" || name === "_or") {
      if (value.kind === "null") throw listExpected(value);
      const items = itemsOf(value).map((item) => compileWhere(context, table, alias, item) ?? "true");
      if (name === "_or")
        parts.push(items.length === 0 ? "false" : `(${items.map((item) => `(${item})`).join(" or ")})`);
      else if (items.length > 0) parts.push(`(${items.join(" and ")})`);
      continue;
    }
    if (name === "_not") {
      if (value.kind === "null") throw objectExpected(value);
      parts.push(`not (${compileWhere(context, table, alias, value) ?? "true"})`);
      continue;
    }
    const column = table.columns.get(name);
    if (column) {
      if (value.kind === "null") throw objectExpected(value);
      for (const [operator, operand] of fieldsOf(value)) {
        parts.push(compare(context, columnCell(context, table, alias, column), column, operator, operand));
      }
      continue;
    }
    const computed = table.computedFields.get(name);
    if (computed) {
      if (value.kind === "null") throw objectExpected(value);
      const call = computedFieldCall(context, table, computed, alias);
      if (computed.returns.kind === "scalar") {
        const { column: result } = computed.returns;
        for (const [operator, operand] of fieldsOf(value)) {
          const cell = computedCell(context, table, alias, computed.name, call);
          parts.push(compare(context, cell, result, operator, operand));
        }
      } else {
        const target = tableOf(context, computed.returns.target);
        const inner = context.builder.alias("w");
        const condition = allOf([
          selectFilter(context, target, inner),
          compileWhere(context, target, inner, value),
        ]);
        parts.push(`exists (select 1 from ${call} as ${inner} where ${condition ?? "true"})`);
      }
      continue;
    }
    const aggregated = name.endsWith("_aggregate")
      ? table.relationships.get(name.slice(0, -"_aggregate".length))
      : undefined;
    if (aggregated?.kind === "array") {
      if (value.kind === "null") throw objectExpected(value);
      parts.push(compileAggregateWhere(context, aggregated, alias, value));
      continue;
    }
    const relationship = table.relationships.get(name);
    if (!relationship)
      throw validationFailed(`field '${name}' not found in type: '${input.type}'`, value.path);
    if (value.kind === "null") throw objectExpected(value);
    const target = tableOf(context, relationship.target);
    const inner = context.builder.alias("w");
    const condition = allOf([
      joinCondition(relationship.mapping, alias, inner),
      selectFilter(context, target, inner),
      compileWhere(context, target, inner, value),
    ]);
    parts.push(`exists (select 1 from ${qualified(target.info)} as ${inner} where ${condition ?? "true"})`);
  }
  return allOf(parts);
};
