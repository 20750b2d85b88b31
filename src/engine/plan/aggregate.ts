import type { ColumnInfo } from "../catalog/types.ts";
import { aggregateCall } from "../sql/aggregates.ts";
import { validationFailed } from "../errors.ts";
import type { RoleTable } from "../schema/types.ts";
import { jsonObject, type JsonPair } from "../sql/json-object.ts";
import { literal } from "../sql/quote.ts";
import { columnCell, computedCell } from "./cells.ts";
import { collectBelow, type SelectedField } from "./collect-fields.ts";
import { columnOf, flagOf, itemsOf, type PlanContext } from "./context.ts";
import { computedFieldCall } from "./function-call.ts";
import { readArguments } from "./input.ts";

/** As in Hasura the column decides, not the aggregate: the average of an integer column stays a number. */
const WIDE_TYPES: ReadonlySet<string> = new Set(["int8", "numeric", "float8"]);

const countSql = (context: PlanContext, table: RoleTable, field: SelectedField, alias: string): string => {
  const args = field.definition
    ? readArguments(context.scope, field.definition, field.args, field.path)
    : new Map();
  const list = args.get("columns");
  const distinct = flagOf(context, args.get("distinct")) ? "distinct " : "";
  if (!list || list.kind === "null" || itemsOf(list).length === 0) return "count(*)";
  const columns = itemsOf(list).map((item) =>
    columnCell(context, table, alias, columnOf(table.columns, item)),
  );
  return columns.length === 1
    ? `count(${distinct}${columns[0] ?? ""})`
    : `count(${distinct}(${columns.join(", ")}))`;
};

/** The column or scalar computed field that a leaf below an aggregate function means. */
const operandOf = (
  context: PlanContext,
  table: RoleTable,
  leaf: SelectedField,
  alias: string,
): { readonly column: ColumnInfo | undefined; readonly value: string } => {
  if (leaf.binding?.kind === "column") {
    const column = table.info.columns.get(leaf.binding.column);
    return { column, value: column === undefined ? "" : columnCell(context, table, alias, column) };
  }
  const computed =
    leaf.binding?.kind === "computed_field" ? table.computedFields.get(leaf.binding.name) : undefined;
  if (!leaf.definition || computed?.returns.kind !== "scalar") return { column: undefined, value: "" };
  const args = readArguments(context.scope, leaf.definition, leaf.args, leaf.path);
  return {
    column: computed.returns.column,
    value: computedCell(
      context,
      table,
      alias,
      computed.name,
      computedFieldCall(context, table, computed, alias, args.get("args"), leaf.path),
    ),
  };
};

/** The `aggregate` object over the rows `alias`. */
export const compileAggregateObject = (
  context: PlanContext,
  table: RoleTable,
  field: SelectedField,
  alias: string,
): string => {
  const pairs: JsonPair[] = [];
  for (const below of collectBelow(context.scope, field)) {
    const { binding } = below;
    if (binding?.kind === "typename") {
      pairs.push({ key: below.key, sql: `${literal(field.type?.name ?? "")}::text` });
    } else if (binding?.kind === "aggregate_count") {
      pairs.push({ key: below.key, sql: countSql(context, table, below, alias) });
    } else if (binding?.kind === "aggregate_fn") {
      const inner = collectBelow(context.scope, below).map((leaf) => {
        if (leaf.binding?.kind === "typename")
          return { key: leaf.key, sql: `${literal(below.type?.name ?? "")}::text` };
        const { column, value } = operandOf(context, table, leaf, alias);
        if (!column)
          throw validationFailed(
            `field '${leaf.name}' not found in type: '${below.type?.name ?? ""}'`,
            leaf.path,
          );
        const sql = aggregateCall(binding.fn, value, column.type);
        const cast = context.stringifyNumericTypes && WIDE_TYPES.has(column.type) ? "::text" : "";
        return { key: leaf.key, sql: `${sql}${cast}` };
      });
      pairs.push({ key: below.key, sql: jsonObject(inner) });
    } else {
      throw validationFailed(
        `field '${below.name}' not found in type: '${field.type?.name ?? ""}'`,
        below.path,
      );
    }
  }
  return jsonObject(pairs);
};
