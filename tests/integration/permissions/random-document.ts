import {
  getNamedType,
  type GraphQLArgument,
  type GraphQLField,
  type GraphQLInputField,
  type GraphQLInputType,
  type GraphQLSchema,
  isEnumType,
  isInputObjectType,
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
} from "graphql";

/** Gives a whole number from 0 up to, not including, its argument. */
export type Pick = (below: number) => number;

export interface Pool {
  /** Ids of both tenants. */
  readonly ids: readonly string[];
  readonly texts: readonly string[];
}

export interface Writer {
  readonly schema: GraphQLSchema;
  readonly pool: Pool;
  readonly pick: Pick;
}

const oneOf = <T>(values: readonly T[], pick: Pick): T => {
  const value = values[pick(values.length)];
  if (value === undefined) throw new Error("nothing to choose from");
  return value;
};

const times = ["2020-01-01T00:00:00Z", "2026-01-01T00:00:00Z", "now()"];

function scalar(name: string, { pool, pick }: Writer): string {
  switch (name) {
    case "uuid":
      return JSON.stringify(oneOf(pool.ids, pick));
    case "Boolean":
      return oneOf(["true", "false"], pick);
    case "Int":
    case "bigint":
    case "smallint":
    case "numeric":
    case "Float":
    case "float8":
      return String(oneOf([0, 1, 2, 50, 1_000], pick));
    case "timestamptz":
    case "date":
      return JSON.stringify(oneOf(times, pick));
    case "json":
    case "jsonb":
      return "{}";
    default:
      return JSON.stringify(oneOf(pool.texts, pick));
  }
}

/** Hasura offers min and max of a uuid too, and passes on that Postgres has none. */
const isExtremeOfUuid = (typeName: string, fieldName: string): boolean =>
  /_(?:min|max)_(?:fields|order_by)$/u.test(typeName) && /(?:^id|_id|_by)$/u.test(fieldName);

/** A value of the type, at most `depth` objects deep, or null where only an optional deeper one would fit. */
function value(type: GraphQLInputType, depth: number, writer: Writer): string | null {
  const { pick } = writer;
  if (isNonNullType(type)) return value(type.ofType, depth, writer);
  if (isListType(type)) {
    const items = Array.from({ length: 1 + pick(2) }, () => value(type.ofType, depth, writer));
    // Not twice the same: Postgres refuses to set one column twice.
    return `[${[...new Set(items.filter((item) => item !== null))].join(", ")}]`;
  }
  if (isEnumType(type)) return oneOf(type.getValues(), pick).name;
  if (!isInputObjectType(type)) return scalar(type.name, writer);
  if (depth === 0) return null;
  const fields = Object.values(type.getFields()).filter((field) => !isExtremeOfUuid(type.name, field.name));
  const chosen = new Set(fields.filter((field) => isNonNullType(field.type)));
  const wanted = type.name.endsWith("_insert_input") ? fields.length : 1 + pick(2);
  for (let index = 0; index < wanted && fields.length > 0; index += 1) {
    // Columns of a new row are nearly always given, relationships of one rarely.
    const field: GraphQLInputField =
      wanted === fields.length ? (fields[index] as GraphQLInputField) : oneOf(fields, pick);
    const isColumn = isLeafType(getNamedType(field.type));
    if (wanted !== fields.length || pick(8) < (isColumn ? 7 : 2)) chosen.add(field);
  }
  const parts: string[] = [];
  for (const field of chosen) {
    const inner = value(field.type, depth - 1, writer);
    if (inner !== null) parts.push(`${field.name}: ${inner}`);
    else if (isNonNullType(field.type)) return null;
  }
  return `{${parts.join(", ")}}`;
}

function argumentsOf(field: GraphQLField<unknown, unknown>, always: boolean, writer: Writer): string | null {
  const parts: string[] = [];
  // Columns under distinct_on have to lead order_by, so one of the two is enough.
  const skipped = writer.pick(2) === 0 ? "distinct_on" : "order_by";
  const optional = (argument: GraphQLArgument): boolean => !isNonNullType(argument.type);
  for (const argument of field.args) {
    if (argument.name === skipped || (optional(argument) && !always && writer.pick(3) > 0)) continue;
    const text = value(argument.type, 5, writer);
    if (text !== null) parts.push(`${argument.name}: ${text}`);
    else if (!optional(argument)) return null;
  }
  return parts.length === 0 ? "" : `(${parts.join(", ")})`;
}

/** A selection set of the type, at most `depth` relationships deep. */
function selection(typeName: string, depth: number, writer: Writer): string {
  const { schema, pick } = writer;
  const type = schema.getType(typeName);
  const parts = ["__typename"];
  if (!isObjectType(type)) return parts[0] ?? "";
  for (const field of Object.values(type.getFields())) {
    const target = getNamedType(field.type);
    if (isLeafType(target)) {
      if (isExtremeOfUuid(typeName, field.name)) continue;
      if (pick(3) > 0) parts.push(field.name);
    } else if (depth > 0 && (pick(3) === 0 || field.name === "returning" || field.name === "nodes")) {
      const args = argumentsOf(field, false, writer);
      if (args !== null)
        parts.push(`${field.name}${args} { ${selection(String(target), depth - 1, writer)} }`);
    }
  }
  return parts.join(" ");
}

/** One random use of a root field; null when its required arguments do not fit into the depth. */
export function randomUse(
  field: GraphQLField<unknown, unknown>,
  depth: number,
  writer: Writer,
): string | null {
  const isChange = /^(?:insert|update|delete)_/u.test(field.name);
  const args = argumentsOf(field, isChange && !field.name.startsWith("delete_"), writer);
  if (args === null) return null;
  const target = getNamedType(field.type);
  const inner = isLeafType(target) ? "" : ` { ${selection(String(target), depth, writer)} }`;
  return `${field.name}${args}${inner}`;
}
