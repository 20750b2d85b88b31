import type { ColumnInfo } from "../catalog/types.ts";
import { HasuraError, validationFailed } from "../errors.ts";
import { compilePermission } from "../permissions/index.ts";
import type { Json } from "../metadata/types.ts";
import type { RoleSchema, RoleTable } from "../schema/types.ts";
import type { Param, SqlBuilder, Variables } from "../sql/builder.ts";
import { isRawList, type Raw } from "../sql/raw.ts";
import { arrayLiteral, columnText } from "../sql/values.ts";
import type { SelectionScope } from "./collect-fields.ts";
import { checkNonNegative, checkOffset, checkPlainScalar, type Input } from "./input.ts";

/** What every part of the planner needs while it writes one statement. */
export interface PlanContext {
  readonly builder: SqlBuilder;
  readonly schema: RoleSchema;
  readonly scope: SelectionScope;
  readonly stringifyNumericTypes: boolean;
}

export const tableOf = (context: PlanContext, key: string): RoleTable => {
  const table = context.schema.tables.get(key);
  if (!table)
    throw new HasuraError({ message: "inconsistent metadata", code: "unexpected", internal: { table: key } });
  return table;
};

/** The role's row filter on a table it selects from, as SQL over `alias`; undefined when it lets all rows through. */
export const selectFilter = (context: PlanContext, table: RoleTable, alias: string): string | undefined => {
  const sql = compilePermission(context, table, alias, table.select?.filter ?? {});
  return sql === "true" ? undefined : sql;
};

export const rowFilter = (
  context: PlanContext,
  table: RoleTable,
  alias: string,
  filter: Json,
): string | undefined => {
  const sql = compilePermission(context, table, alias, filter);
  return sql === "true" ? undefined : sql;
};

export const objectExpected = (input: Input): HasuraError =>
  validationFailed(`expected an object for type '${input.type}', but found null`, input.path);

export const listExpected = (input: Input): HasuraError =>
  validationFailed("expected a list, but found null", input.path);

export const unexpectedNull = (input: Input): HasuraError =>
  validationFailed(`unexpected null value for type '${input.type}'`, input.path);

const listText = (value: Raw, type: string, path: string, gqlType: string): string => {
  const items = isRawList(value) ? value : [value];
  return arrayLiteral(
    items.map((item, index) => {
      if (item === null)
        throw validationFailed(`unexpected null value for type '${gqlType}'`, `${path}[${String(index)}]`);
      return columnText(item, type, `${path}[${String(index)}]`);
    }),
  );
};

/** The value of an input, variables filled in; no scalar is checked. */
export const rawOfInput = (input: Input, variables: Variables): Raw => {
  switch (input.kind) {
    case "null":
      return null;
    case "scalar":
    case "enum":
      return input.value;
    case "deferred":
      return variables.get(input.variable) ?? null;
    case "list":
      return input.items.map((item) => rawOfInput(item, variables));
    case "object":
      return Object.fromEntries([...input.fields].map(([key, item]) => [key, rawOfInput(item, variables)]));
  }
};

const isConstant = (input: Input): boolean => {
  if (input.kind === "deferred") return false;
  if (input.kind === "list") return input.items.every(isConstant);
  return input.kind !== "object" || [...input.fields.values()].every(isConstant);
};

const paramOf = (input: Input, text: (value: Raw) => string | null): Param =>
  isConstant(input)
    ? { kind: "value", value: text(rawOfInput(input, new Map())) }
    : { kind: "variable", read: (variables) => text(rawOfInput(input, variables)) };

/** One value for a column of type `type`. */
export const bindValue = (context: PlanContext, input: Input, type: string): string =>
  context.builder.bind(
    input.kind === "null"
      ? { kind: "value", value: null }
      : paramOf(input, (value) => columnText(value, type, input.path)),
  );

/** A list of values, as `_in` takes it. */
export const bindList = (context: PlanContext, input: Input, type: string): string =>
  context.builder.bind(paramOf(input, (value) => listText(value, type, input.path, input.type)));

export const bindLimit = (context: PlanContext, input: Input): string =>
  `${context.builder.bind(paramOf(input, (value) => columnText(checkNonNegative(value, input.path), "int4", input.path)))}::"int4"`;

export const bindOffset = (context: PlanContext, input: Input): string =>
  `${context.builder.bind(
    paramOf(input, (value) => columnText(checkOffset(value, input.path), "text_or_number", input.path)),
  )}::"int8"`;

export const bindFlag = (context: PlanContext, input: Input): string =>
  `${context.builder.bind(
    paramOf(input, (value) => columnText(checkPlainScalar("Boolean", value, input.path), "bool", input.path)),
  )}::"bool"`;

/** A flag that shapes the statement itself; the variable behind it, if any, becomes part of the plan. */
export const flagOf = (context: PlanContext, input: Input | undefined): boolean => {
  if (!input || input.kind === "null") return false;
  if (input.kind === "deferred") context.scope.structural(input.variable);
  const value = rawOfInput(input, context.scope.variables);
  if (typeof value !== "boolean") {
    throw validationFailed("expected a boolean for type 'Boolean', but found a different value", input.path);
  }
  return value;
};

/** A string that shapes the statement, such as the path into a json column. */
export const bindText = (context: PlanContext, input: Input, convert: (text: string) => string): string =>
  context.builder.bind(
    paramOf(input, (value) => {
      if (typeof value !== "string") {
        throw validationFailed(
          "expected a string for type 'String', but found a different value",
          input.path,
        );
      }
      return convert(value);
    }),
  );

export const itemsOf = (input: Input): readonly Input[] => (input.kind === "list" ? input.items : [input]);

export const fieldsOf = (input: Input | undefined): ReadonlyMap<string, Input> =>
  input?.kind === "object" ? input.fields : new Map();

export const columnOf = (columns: ReadonlyMap<string, ColumnInfo>, input: Input): ColumnInfo => {
  const column = input.kind === "enum" ? columns.get(input.value) : undefined;
  if (!column) throw validationFailed("expected a column of the table", input.path);
  return column;
};
