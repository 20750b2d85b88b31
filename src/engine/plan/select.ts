import type { ColumnInfo } from "../catalog/types.ts";
import { validationFailed } from "../errors.ts";
import type { RoleTable } from "../schema/types.ts";
import { jsonObject } from "../sql/json-object.ts";
import { ident, literal, qualified } from "../sql/quote.ts";
import { compileAggregateObject } from "./aggregate.ts";
import { columnCell, computedCell, isGuarded } from "./cells.ts";
import { collectBelow, type SelectedField } from "./collect-fields.ts";
import {
  bindLimit,
  bindOffset,
  bindText,
  columnOf,
  itemsOf,
  type PlanContext,
  selectFilter,
  tableOf,
} from "./context.ts";
import { computedFieldCall } from "./function-call.ts";
import { type Input, readArguments } from "./input.ts";
import { jsonPathToTextArray } from "./json-path.ts";
import { compileOrderBy } from "./order-by.ts";
import { allOf, compileWhere, joinCondition } from "./where.ts";

export type Arguments = ReadonlyMap<string, Input>;

/** Postgres cuts identifiers here; a longer response key must travel as a value. */
const IDENTIFIER_BYTES = 63;

const STRINGIFIED = new Set(["int8", "numeric", "float8", "_int8", "_numeric", "_float8"]);

/** The JSON of a column, cast to text where the engine is told to keep big numbers exact. */
export const columnJson = (
  context: PlanContext,
  expression: string,
  column: Pick<ColumnInfo, "type">,
): string => {
  if (!context.stringifyNumericTypes || !STRINGIFIED.has(column.type)) return expression;
  return `${expression}::${column.type.startsWith("_") ? "text[]" : "text"}`;
};

export const argumentsOf = (context: PlanContext, field: SelectedField): Arguments =>
  field.definition ? readArguments(context.scope, field.definition, field.args, field.path) : new Map();

/** The part of a json value that the argument `path` names. */
const atPath = (context: PlanContext, value: string, path: Input | undefined): string =>
  path && path.kind !== "null"
    ? `${value} #> ${bindText(context, path, (text) => jsonPathToTextArray(text, path.path))}::text[]`
    : value;

interface ObjectSql {
  readonly columns: readonly { readonly key: string; readonly sql: string }[];
  readonly joins: readonly string[];
}

/** The selected fields of one row as expressions over `alias`. */
const compileObject = (
  context: PlanContext,
  table: RoleTable,
  alias: string,
  fields: readonly SelectedField[],
): ObjectSql => {
  const columns: { key: string; sql: string }[] = [];
  const joins: string[] = [];
  const lateral = (key: string, sql: string): void => {
    const name = context.builder.alias("l");
    joins.push(`left join lateral (${sql}) as ${name} on true`);
    columns.push({ key, sql: `${name}."j"` });
  };
  for (const field of fields) {
    const { binding } = field;
    switch (binding?.kind) {
      case "typename":
        columns.push({ key: field.key, sql: `${literal(table.graphqlName)}::text` });
        break;
      case "column": {
        const column = table.info.columns.get(binding.column);
        if (!column)
          throw validationFailed(
            `field '${field.name}' not found in type: '${table.graphqlName}'`,
            field.path,
          );
        const value = columnJson(context, columnCell(context, table, alias, column), column);
        const path = argumentsOf(context, field).get("path");
        columns.push({ key: field.key, sql: atPath(context, value, path) });
        break;
      }
      case "relationship": {
        const target = tableOf(context, binding.target);
        const relationship = table.relationships.get(binding.name);
        const mapping = relationship?.mapping ?? [];
        const join = (inner: string): string => joinCondition(mapping, alias, inner);
        lateral(
          field.key,
          binding.relationship === "object"
            ? compileOne(context, field, target, (inner) =>
                allOf([join(inner), selectFilter(context, target, inner)]),
              )
            : compileMany(context, field, target, { join }),
        );
        break;
      }
      case "relationship_aggregate": {
        const target = tableOf(context, binding.target);
        const mapping = table.relationships.get(binding.name)?.mapping ?? [];
        lateral(
          field.key,
          compileAggregate(context, field, target, { join: (inner) => joinCondition(mapping, alias, inner) }),
        );
        break;
      }
      case "computed_field": {
        const computed = table.computedFields.get(binding.name);
        if (!computed) throw validationFailed(`field '${field.name}' not found`, field.path);
        const args = argumentsOf(context, field);
        const call = computedFieldCall(context, table, computed, alias, args.get("args"), field.path);
        if (computed.returns.kind === "rows") {
          const target = tableOf(context, computed.returns.target);
          lateral(field.key, compileMany(context, field, target, { from: call }));
        } else {
          const cell = computedCell(context, table, alias, computed.name, call);
          const value = columnJson(context, cell, computed.returns.column);
          columns.push({ key: field.key, sql: atPath(context, value, args.get("path")) });
        }
        break;
      }
      default:
        throw validationFailed(`field '${field.name}' not found in type: '${table.graphqlName}'`, field.path);
    }
  }
  return { columns, joins };
};

/** `select … from base …` with one column per response key, or one prebuilt object when a key is too long for that. */
const objectQuery = (
  object: ObjectSql,
  base: string,
): { readonly sql: string; readonly prebuilt: boolean } => {
  const tail = [`from ${base}`, ...object.joins].join("\n");
  const prebuilt = object.columns.some((column) => Buffer.byteLength(column.key) > IDENTIFIER_BYTES);
  if (!prebuilt) {
    const list = object.columns.map((column) => `${column.sql} as ${ident(column.key)}`).join(", ");
    return { sql: `select ${list}\n${tail}`, prebuilt };
  }
  return { sql: `select ${jsonObject(object.columns)} as "j"\n${tail}`, prebuilt };
};

/** The JSON list of rows from `base`, ordered by `order` when given; yields one row with the column "j". */
export const listOfRows = (
  context: PlanContext,
  table: RoleTable,
  fields: readonly SelectedField[],
  base: string,
  alias: string,
  order: readonly string[] = [],
): string => {
  const object = objectQuery(compileObject(context, table, alias, fields), `${base} as ${alias}`);
  const row = context.builder.alias("r");
  const sorted = order.length === 0 ? object.sql : `${object.sql}\norder by ${order.join(", ")}`;
  const value = object.prebuilt ? `${row}."j"` : row;
  return `select coalesce(json_agg(${value}), '[]') as "j" from (\n${sorted}\n) as ${row}`;
};

/** The JSON object of the one row of `base`; yields no row when `base` has none. */
export const objectOfRow = (
  context: PlanContext,
  table: RoleTable,
  fields: readonly SelectedField[],
  base: string,
  alias: string,
): string => {
  const object = objectQuery(compileObject(context, table, alias, fields), `${base} as ${alias}`);
  if (object.prebuilt) return object.sql;
  const row = context.builder.alias("r");
  return `select row_to_json(${row}) as "j" from (\n${object.sql}\n) as ${row}`;
};

export const compileOne = (
  context: PlanContext,
  field: SelectedField,
  table: RoleTable,
  condition: (alias: string) => string | undefined,
): string => {
  const inner = context.builder.alias("t");
  const where = condition(inner);
  const base = `(select ${inner}.* from ${qualified(table.info)} as ${inner}${where === undefined ? "" : ` where ${where}`} limit 1)`;
  return objectOfRow(context, table, collectBelow(context.scope, field), base, context.builder.alias("b"));
};

export interface RowSource {
  /** SQL of a function call in place of the table. */
  readonly from?: string;
  readonly join?: (alias: string) => string | undefined;
}

interface Base {
  readonly sql: string;
  /** Sort terms over the alias of the base. */
  readonly order: (alias: string) => readonly string[];
}

/** The rows a list field means: filter, joins, order, limit. */
export const compileBase = (
  context: PlanContext,
  field: SelectedField,
  table: RoleTable,
  args: Arguments,
  source: RowSource,
  permissionLimit: number | undefined,
): Base => {
  const inner = context.builder.alias("t");
  const where = allOf([
    source.join?.(inner),
    selectFilter(context, table, inner),
    compileWhere(context, table, inner, args.get("where")),
  ]);
  const order = compileOrderBy(context, table, inner, args.get("order_by"));
  const distinctInput = args.get("distinct_on");
  const distinct =
    distinctInput && distinctInput.kind !== "null"
      ? [...new Set(itemsOf(distinctInput).map((item) => columnOf(table.columns, item)))]
      : [];
  let terms = order.terms;
  if (distinct.length > 0 && terms.length > 0) {
    const initial = new Set(terms.slice(0, distinct.length).map((term) => term.column));
    if (!distinct.every(({ name }) => initial.has(name))) {
      throw validationFailed(
        '"distinct_on" columns must match initial "order_by" columns',
        `${field.path}.args`,
      );
    }
  }
  if (distinct.length > 0 && terms.length === 0) {
    terms = distinct.map((column) => ({
      expression: columnCell(context, table, inner, column),
      direction: "asc nulls last",
      column: column.name,
      plain: !isGuarded(table),
    }));
  }
  const sortKeys = terms.map((term) => ({ ...term, name: context.builder.alias("k") }));
  const limitInput = args.get("limit");
  const userLimit = limitInput && limitInput.kind !== "null" ? bindLimit(context, limitInput) : undefined;
  const offsetInput = args.get("offset");
  const limits = [userLimit, permissionLimit === undefined ? undefined : `${String(permissionLimit)}`].filter(
    (limit): limit is string => limit !== undefined,
  );
  const parts = [
    `select${distinct.length > 0 ? ` distinct on (${distinct.map((column) => columnCell(context, table, inner, column)).join(", ")})` : ""} ${[
      `${inner}.*`,
      ...sortKeys.filter((key) => !key.plain).map((key) => `${key.expression} as ${key.name}`),
    ].join(", ")}`,
    `from ${source.from ?? qualified(table.info)} as ${inner}`,
    ...order.joins,
    ...(where === undefined ? [] : [`where ${where}`]),
    ...(sortKeys.length === 0
      ? []
      : [`order by ${sortKeys.map((key) => `${key.expression} ${key.direction}`).join(", ")}`]),
    ...(limits.length === 0
      ? []
      : [`limit ${limits.length > 1 ? `least(${limits.join(", ")})` : (limits[0] ?? "")}`]),
    ...(offsetInput && offsetInput.kind !== "null" ? [`offset ${bindOffset(context, offsetInput)}`] : []),
  ];
  return {
    sql: `(\n${parts.join("\n")}\n)`,
    order: (alias) =>
      sortKeys.map(
        (key) =>
          `${alias}.${key.plain && key.column !== undefined ? ident(key.column) : key.name} ${key.direction}`,
      ),
  };
};

export const compileMany = (
  context: PlanContext,
  field: SelectedField,
  table: RoleTable,
  source: RowSource,
): string => {
  const base = compileBase(context, field, table, argumentsOf(context, field), source, table.select?.limit);
  const alias = context.builder.alias("b");
  return listOfRows(context, table, collectBelow(context.scope, field), base.sql, alias, base.order(alias));
};

/** `{aggregate, nodes}`; a permission's limit caps the nodes only. */
export const compileAggregate = (
  context: PlanContext,
  field: SelectedField,
  table: RoleTable,
  source: RowSource,
): string => {
  const args = argumentsOf(context, field);
  const columns: { key: string; sql: string }[] = [];
  const joins: string[] = [];
  for (const below of collectBelow(context.scope, field)) {
    if (below.binding?.kind === "typename") {
      columns.push({ key: below.key, sql: `${literal(field.type?.name ?? "")}::text` });
      continue;
    }
    const name = context.builder.alias("a");
    const alias = context.builder.alias("b");
    if (below.binding?.kind === "nodes") {
      const base = compileBase(context, field, table, args, source, table.select?.limit);
      const list = listOfRows(
        context,
        table,
        collectBelow(context.scope, below),
        base.sql,
        alias,
        base.order(alias),
      );
      joins.push(`(${list}) as ${name}`);
    } else {
      const base = compileBase(context, field, table, args, source, undefined);
      // Without an aggregate function among the fields, only `having` makes one row of all rows.
      const object = compileAggregateObject(context, table, below, alias);
      joins.push(`(select ${object} as "j" from ${base.sql} as ${alias} having true) as ${name}`);
    }
    columns.push({ key: below.key, sql: `${name}."j"` });
  }
  return `select ${jsonObject(columns)} as "j"${joins.length === 0 ? "" : ` from ${joins.join(" cross join ")}`}`;
};
