import { aggregateCall } from "../sql/aggregates.ts";
import { validationFailed } from "../errors.ts";
import type { RoleTable } from "../schema/types.ts";
import { qualified } from "../sql/quote.ts";
import { fieldsOf, itemsOf, type PlanContext, selectFilter, tableOf } from "./context.ts";
import { columnCell, computedCell, isGuarded } from "./cells.ts";
import { computedFieldCall } from "./function-call.ts";
import type { Input } from "./input.ts";
import { allOf, joinCondition } from "./where.ts";

export interface OrderTerm {
  readonly expression: string;
  readonly direction: string;
  /** Column of the table itself, for the check of distinct_on. */
  readonly column: string | undefined;
  /** The expression is the column itself, so that the base row carries it already. */
  readonly plain: boolean;
}

export interface OrderBy {
  readonly terms: readonly OrderTerm[];
  /** Lateral joins the terms read from. */
  readonly joins: readonly string[];
}

const DIRECTIONS: Readonly<Record<string, string>> = {
  asc: "asc nulls last",
  desc: "desc nulls first",
  asc_nulls_first: "asc nulls first",
  asc_nulls_last: "asc nulls last",
  desc_nulls_first: "desc nulls first",
  desc_nulls_last: "desc nulls last",
};

const directionOf = (input: Input): string | undefined =>
  input.kind === "enum" ? DIRECTIONS[input.value] : undefined;

const aggregateTerms = (
  context: PlanContext,
  target: RoleTable,
  inner: string,
  input: Input,
): { sql: string; direction: string }[] => {
  const terms: { sql: string; direction: string }[] = [];
  for (const [fn, value] of fieldsOf(input)) {
    if (fn === "count") {
      const direction = directionOf(value);
      if (direction !== undefined) terms.push({ sql: "count(*)", direction });
      continue;
    }
    for (const [name, order] of fieldsOf(value)) {
      const direction = directionOf(order);
      const column = target.columns.get(name);
      if (direction === undefined || !column) continue;
      terms.push({
        sql: aggregateCall(fn, columnCell(context, target, inner, column), column.type),
        direction,
      });
    }
  }
  return terms;
};

/** Sort terms over the aggregates of the rows that `source` yields under the alias `inner`. */
const aggregateOrder = (
  context: PlanContext,
  target: RoleTable,
  inner: string,
  input: Input,
  source: string,
  terms: OrderTerm[],
  joins: string[],
): void => {
  const list = aggregateTerms(context, target, inner, input);
  if (list.length === 0) return;
  const lateral = context.builder.alias("o");
  const names = list.map((term) => ({ ...term, name: context.builder.alias("v") }));
  const columns = names.map((term) => `${term.sql} as ${term.name}`).join(", ");
  joins.push(`left join lateral (select ${columns} ${source}) as ${lateral} on true`);
  for (const term of names) {
    terms.push({
      expression: `${lateral}.${term.name}`,
      direction: term.direction,
      column: undefined,
      plain: false,
    });
  }
};

const compileObject = (
  context: PlanContext,
  table: RoleTable,
  alias: string,
  input: Input,
  terms: OrderTerm[],
  joins: string[],
  own: boolean,
): void => {
  for (const [name, value] of fieldsOf(input)) {
    if (value.kind === "null") continue;
    const column = table.columns.get(name);
    if (column) {
      const direction = directionOf(value);
      if (direction === undefined) continue;
      const expression = columnCell(context, table, alias, column);
      const plain = own && !isGuarded(table);
      terms.push({ expression, direction, column: own ? column.name : undefined, plain });
      continue;
    }
    const aggregate = name.endsWith("_aggregate") ? name.slice(0, -"_aggregate".length) : undefined;
    const computed =
      table.computedFields.get(name) ??
      (aggregate === undefined ? undefined : table.computedFields.get(aggregate));
    if (computed) {
      const call = computedFieldCall(context, table, computed, alias);
      if (computed.returns.kind === "scalar") {
        const direction = directionOf(value);
        if (direction !== undefined) {
          const expression = computedCell(context, table, alias, computed.name, call);
          terms.push({ expression, direction, column: undefined, plain: false });
        }
        continue;
      }
      const target = tableOf(context, computed.returns.target);
      const inner = context.builder.alias("s");
      const where = selectFilter(context, target, inner) ?? "true";
      aggregateOrder(context, target, inner, value, `from ${call} as ${inner} where ${where}`, terms, joins);
      continue;
    }
    const relationship =
      table.relationships.get(name) ??
      (aggregate === undefined ? undefined : table.relationships.get(aggregate));
    if (!relationship)
      throw validationFailed(`field '${name}' not found in type: '${input.type}'`, value.path);
    const target = tableOf(context, relationship.target);
    const inner = context.builder.alias("s");
    const lateral = context.builder.alias("o");
    const where =
      allOf([joinCondition(relationship.mapping, alias, inner), selectFilter(context, target, inner)]) ??
      "true";
    const source = `from ${qualified(target.info)} as ${inner}`;
    if (relationship.kind === "object") {
      joins.push(
        `left join lateral (select ${inner}.* ${source} where ${where} limit 1) as ${lateral} on true`,
      );
      compileObject(context, target, lateral, value, terms, joins, false);
    } else {
      aggregateOrder(context, target, inner, value, `${source} where ${where}`, terms, joins);
    }
  }
};

/** The `order_by` argument over the row `alias`. */
export const compileOrderBy = (
  context: PlanContext,
  table: RoleTable,
  alias: string,
  input: Input | undefined,
): OrderBy => {
  const terms: OrderTerm[] = [];
  const joins: string[] = [];
  if (input && input.kind !== "null") {
    for (const item of itemsOf(input)) compileObject(context, table, alias, item, terms, joins, true);
  }
  return { terms, joins };
};
