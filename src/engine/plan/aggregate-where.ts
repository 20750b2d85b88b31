import type { ColumnInfo } from "../catalog/types.ts";
import { validationFailed } from "../errors.ts";
import { predicateType } from "../schema/aggregate-bool-exp.ts";
import type { ResolvedRelationship, RoleTable } from "../schema/types.ts";
import { ident, qualified } from "../sql/quote.ts";
import { columnCell } from "./cells.ts";
import {
  columnOf,
  fieldsOf,
  flagOf,
  itemsOf,
  objectExpected,
  type PlanContext,
  selectFilter,
  tableOf,
} from "./context.ts";
import type { Input } from "./input.ts";
import { allOf, compare, compileWhere, joinCondition } from "./where.ts";

const argumentList = (
  context: PlanContext,
  table: RoleTable,
  alias: string,
  input: Input | undefined,
): readonly string[] => {
  if (!input || input.kind === "null") return [];
  const items = input.kind === "object" ? [...input.fields.values()] : itemsOf(input);
  return items.map((item) => columnCell(context, table, alias, columnOf(table.columns, item)));
};

const callOf = (fn: string, columns: readonly string[], distinct: boolean): string => {
  if (columns.length === 0) return `${ident(fn)}(*)`;
  // count takes several columns as one row, the statistics of pairs take two arguments.
  const list = fn === "count" && columns.length > 1 ? `(${columns.join(", ")})` : columns.join(", ");
  return `${ident(fn)}(${distinct ? "distinct " : ""}${list})`;
};

/** `<relationship>_aggregate: {count: {predicate: …}}` in a filter. */
export const compileAggregateWhere = (
  context: PlanContext,
  relationship: ResolvedRelationship,
  alias: string,
  input: Input,
): string => {
  const [entry, ...others] = fieldsOf(input);
  if (!entry || others.length > 0) {
    throw validationFailed("exactly one predicate should be specified", input.path);
  }
  const [fn, value] = entry;
  if (value.kind === "null") throw objectExpected(value);
  const parts = fieldsOf(value);
  const target = tableOf(context, relationship.target);
  const inner = context.builder.alias("w");
  const result = context.builder.alias("a");
  const columns = argumentList(context, target, inner, parts.get("arguments"));
  const call = callOf(fn, columns, flagOf(context, parts.get("distinct")));
  const where =
    allOf([
      joinCondition(relationship.mapping, alias, inner),
      selectFilter(context, target, inner),
      compileWhere(context, target, inner, parts.get("filter")),
    ]) ?? "true";
  const type = predicateType(fn) ?? "float8";
  const column: Pick<ColumnInfo, "type" | "typeSchema"> = { type, typeSchema: "pg_catalog" };
  const conditions = [...fieldsOf(parts.get("predicate"))].map(([operator, operand]) =>
    compare(context, `${result}."v"`, column, operator, operand),
  );
  return `exists (select 1 from (select ${call} as "v" from ${qualified(target.info)} as ${inner} where ${where}) as ${result} where ${allOf(conditions) ?? "true"})`;
};
