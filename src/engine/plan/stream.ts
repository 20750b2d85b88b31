import { validationFailed } from "../errors.ts";
import type { RoleTable } from "../schema/types.ts";
import { ident, qualified, typeOf } from "../sql/quote.ts";
import { columnCell } from "./cells.ts";
import { collectBelow, type SelectedField } from "./collect-fields.ts";
import { bindLimit, bindValue, fieldsOf, itemsOf, type PlanContext, selectFilter } from "./context.ts";
import type { Input } from "./input.ts";
import { argumentsOf, listOfRows } from "./select.ts";
import type { SqlFieldPlan } from "./types.ts";
import { allOf, compileWhere } from "./where.ts";

interface Cursor {
  readonly name: string;
  readonly value: Input;
  readonly descending: boolean;
}

const cursorOf = (input: Input | undefined, path: string): Cursor => {
  const cursors = input === undefined ? [] : itemsOf(input).filter((item) => item.kind === "object");
  const [cursor, ...others] = cursors.flatMap((item) => {
    const fields = fieldsOf(item);
    const ordering = fields.get("ordering");
    const descending = ordering?.kind === "enum" && ordering.value === "DESC";
    return [...fieldsOf(fields.get("initial_value"))].map(([name, value]) => ({ name, value, descending }));
  });
  if (cursor === undefined) throw validationFailed("one streaming column field is expected", path);
  if (others.length > 0) throw validationFailed("multiple column cursors are not supported yet", path);
  return cursor;
};

/**
 * One batch behind the cursor, and the value that the next one starts from. Rows with the last value of a batch all belong
 * to it (`with ties`): the next batch begins behind that value and would miss them.
 */
export const planStream = (context: PlanContext, field: SelectedField, table: RoleTable): SqlFieldPlan => {
  const args = argumentsOf(context, field);
  const cursor = cursorOf(args.get("cursor"), `${field.path}.args.cursor`);
  const column = table.columns.get(cursor.name);
  const batchSize = args.get("batch_size");
  if (column === undefined || batchSize === undefined) {
    throw validationFailed(`missing required field 'batch_size'`, `${field.path}.args.batch_size`);
  }
  const inner = context.builder.alias("t");
  const expression = columnCell(context, table, inner, column);
  const placeholder = bindValue(context, cursor.value, column.type);
  const direction = cursor.descending ? "desc" : "asc";
  const where = allOf([
    `${expression} ${cursor.descending ? "<" : ">"} ${placeholder}::${typeOf(column)}`,
    selectFilter(context, table, inner),
    compileWhere(context, table, inner, args.get("where")),
  ]);
  const limit = bindLimit(context, batchSize);
  const limits = table.select?.limit === undefined ? limit : `least(${limit}, ${String(table.select.limit)})`;
  const rows = context.builder.alias("s");
  const alias = context.builder.alias("b");
  const list = listOfRows(context, table, collectBelow(context.scope, field), rows, alias, [
    `${alias}.${ident(column.name)} ${direction}`,
  ]);
  const last = `(array_agg(${ident(column.name)}::text order by ${ident(column.name)} ${cursor.descending ? "asc" : "desc"}))[1]`;
  const text = [
    `with ${rows} as materialized (`,
    `select ${inner}.*`,
    `from ${qualified(table.info)} as ${inner}`,
    `where ${where ?? "true"}`,
    `order by ${expression} ${direction}`,
    `fetch first (${limits}) rows with ties`,
    `)`,
    `select (\n${list}\n)::text as "root",`,
    `(select ${last} from ${rows}) as "cursor"`,
  ].join("\n");
  return {
    kind: "sql",
    statement: context.builder.statement(text),
    errorPath: "$",
    cursorParam: Number(placeholder.slice(1)) - 1,
  };
};
