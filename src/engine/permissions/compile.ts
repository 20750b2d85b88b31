import type { ColumnInfo } from "../catalog/types.ts";
import { HasuraError } from "../errors.ts";
import type { Json, JsonObject } from "../metadata/types.ts";
import type { ResolvedComputedField, RoleSchema, RoleTable } from "../schema/types.ts";
import type { SqlBuilder } from "../sql/builder.ts";
import {
  canonical,
  castOf,
  columnOperatorOf,
  isListShape,
  operandType,
  operatorOf,
} from "../sql/operators.ts";
import { ident, qualified, typeOf } from "../sql/quote.ts";
import type { Raw } from "../sql/raw.ts";
import { columnText } from "../sql/values.ts";

export interface PermissionScope {
  readonly builder: SqlBuilder;
  readonly schema: RoleSchema;
}

interface Place {
  readonly table: RoleTable;
  readonly alias: string;
  /** The row that `$` in a column comparison means. */
  readonly root: { readonly table: RoleTable; readonly alias: string };
}

const broken = (message: string): HasuraError =>
  new HasuraError({ message: "inconsistent permission", code: "unexpected", internal: { message } });

const isObject = (value: Json): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Session variables are spelled in any case. */
export const sessionVariableOf = (value: Json | Raw): string | undefined =>
  typeof value === "string" && /^x-hasura-/i.test(value) ? value.toLowerCase() : undefined;

/** A value of the metadata, or a session variable, as a parameter cast to `cast`. */
export const permissionValue = (scope: PermissionScope, value: Json, type: string, cast: string): string => {
  const variable = sessionVariableOf(value);
  const placeholder =
    variable === undefined
      ? scope.builder.bind({ kind: "value", value: columnText(value, type, "$") })
      : scope.builder.bind({ kind: "session", name: variable, cast });
  return `${placeholder}::${cast}`;
};

const conjunction = (parts: readonly string[], word: "and" | "or", empty: string): string => {
  if (parts.length === 0) return empty;
  return parts.length === 1 ? (parts[0] ?? empty) : `(${parts.join(` ${word} `)})`;
};

const joinOf = (mapping: readonly { from: string; to: string }[], from: string, to: string): string =>
  mapping.map((pair) => `${to}.${ident(pair.to)} = ${from}.${ident(pair.from)}`).join(" and ");

/** `[“$”, “col”]`, `“col”` or a path through object relationships, as the other side of a column comparison. */
const otherColumn = (scope: PermissionScope, place: Place, value: Json): string => {
  const steps = (Array.isArray(value) ? value : [value]).map(String);
  let { table, alias } = place;
  if (steps[0] === "$") {
    ({ table, alias } = place.root);
    steps.shift();
  }
  const [first, ...rest] = steps;
  if (first === undefined) throw broken("a column comparison names no column");
  if (rest.length === 0) {
    if (!table.info.columns.has(first)) throw broken(`no column ${first} in ${table.key}`);
    return `${alias}.${ident(first)}`;
  }
  const relationship = table.relationships.get(first);
  const target = relationship && scope.schema.tables.get(relationship.target);
  if (!relationship || !target) throw broken(`no relationship ${first} in ${table.key}`);
  const inner = scope.builder.alias("p");
  const column = otherColumn(scope, { ...place, table: target, alias: inner }, rest);
  return `(select ${column} from ${qualified(target.info)} as ${inner} where ${joinOf(relationship.mapping, alias, inner)} limit 1)`;
};

const listOperand = (scope: PermissionScope, value: Json, type: string, cast: string): string => {
  if (!Array.isArray(value)) return permissionValue(scope, value, `_${type}`, cast);
  const items = value.map((item: Json) => permissionValue(scope, item, type, cast.slice(0, -2)));
  return `array[${items.join(", ")}]::${cast}`;
};

const compare = (
  scope: PermissionScope,
  place: Place,
  column: ColumnInfo,
  name: string,
  value: Json,
  left: string,
): string => {
  const columns = columnOperatorOf(name);
  if (columns !== undefined) return `${left} ${columns} ${otherColumn(scope, place, value)}`;
  if (name === "_cast") {
    if (!isObject(value)) throw broken("_cast needs an object");
    return conjunction(
      Object.values(value).flatMap((inner) =>
        isObject(inner)
          ? Object.entries(inner).map(([key, operand]) => {
              const found = operatorOf(canonical(key));
              if (!found) throw broken(`unknown operator ${key}`);
              return found.sql(`${left}::text`, permissionValue(scope, operand, "text", "text"));
            })
          : [],
      ),
      "and",
      "true",
    );
  }
  const found = operatorOf(name);
  if (!found) throw broken(`unknown operator ${name}`);
  // A rule that compares with null means it, unlike a client's filter.
  if (value === null && name === "_eq") return `${left} is null`;
  if (value === null && (name === "_neq" || name === "_ne")) return `${left} is not null`;
  if (name === "_is_null" && typeof value === "boolean") return `${left} is ${value ? "" : "not "}null`;
  const cast = castOf(found.shape, column);
  const type = operandType(found.shape, column);
  const right = isListShape(found.shape)
    ? listOperand(scope, value, type, cast)
    : permissionValue(scope, value, type, cast);
  return found.sql(left, right);
};

const compileColumn = (
  scope: PermissionScope,
  place: Place,
  column: ColumnInfo,
  value: Json,
  left = `${place.alias}.${ident(column.name)}`,
): string => {
  if (!isObject(value)) return compare(scope, place, column, "_eq", value, left);
  const keys = Object.keys(value);
  const operators = keys.length > 0 && keys.every((key) => /^[_$]/.test(key));
  if (!operators && keys.length > 0) return compare(scope, place, column, "_eq", value, left);
  return conjunction(
    keys.map((key) => compare(scope, place, column, canonical(key), value[key] ?? null, left)),
    "and",
    "true",
  );
};

/** Only fields whose function needs nothing but the row and the session can stand in a permission. */
const compileComputedField = (
  scope: PermissionScope,
  place: Place,
  computed: ResolvedComputedField,
  value: Json,
): string => {
  if (computed.inputs.length > 0) throw broken(`computed field ${computed.name} takes arguments`);
  const row = `row(${[...place.table.info.columns.keys()].map((name) => `${place.alias}.${ident(name)}`).join(", ")})::${qualified(place.table.info)}`;
  const args = computed.info.args.map((argument, index) =>
    index === computed.rowArgument
      ? row
      : `${scope.builder.bind({ kind: "session_all" })}::${argument.sqlType}`,
  );
  const call = `${qualified(computed.info)}(${args.join(", ")})`;
  if (computed.returns.kind === "scalar") {
    return compileColumn(scope, place, computed.returns.column, value, call);
  }
  const target = scope.schema.tables.get(computed.returns.target);
  if (!target) throw broken(`computed field ${computed.name} leads to an unknown table`);
  const alias = scope.builder.alias("p");
  return `exists (select 1 from ${call} as ${alias} where ${compileAt(scope, { ...place, table: target, alias }, value)})`;
};

const compileExists = (scope: PermissionScope, place: Place, value: Json): string => {
  if (!isObject(value)) throw broken("_exists needs an object");
  const table = value["_table"] ?? value["$table"] ?? null;
  const where = value["_where"] ?? value["$where"] ?? {};
  const key = isObject(table)
    ? `${String(table["schema"] ?? "public")}.${String(table["name"])}`
    : `public.${String(table)}`;
  const target = scope.schema.tables.get(key);
  if (!target) throw broken(`_exists names the unknown table ${key}`);
  const alias = scope.builder.alias("p");
  return `exists (select 1 from ${qualified(target.info)} as ${alias} where ${compileAt(scope, { ...place, table: target, alias }, where)})`;
};

const compileAt = (scope: PermissionScope, place: Place, filter: Json): string => {
  if (!isObject(filter)) throw broken("a boolean expression must be an object");
  const parts: string[] = [];
  for (const [key, value] of Object.entries(filter)) {
    const name = canonical(key);
    if (name === "_and" || name === "_or") {
      const items = Array.isArray(value) ? value : [value];
      const inner = items.map((item: Json) => compileAt(scope, place, item));
      parts.push(name === "_and" ? conjunction(inner, "and", "true") : conjunction(inner, "or", "false"));
    } else if (name === "_not") {
      parts.push(`not (${compileAt(scope, place, value)})`);
    } else if (name === "_exists") {
      parts.push(compileExists(scope, place, value));
    } else {
      const column = place.table.info.columns.get(key);
      const relationship = place.table.relationships.get(key);
      const computed = place.table.computedFields.get(key);
      if (computed) {
        parts.push(compileComputedField(scope, place, computed, value));
      } else if (column) {
        parts.push(compileColumn(scope, place, column, value));
      } else if (relationship) {
        const target = scope.schema.tables.get(relationship.target);
        if (!target) throw broken(`relationship ${key} leads to an unknown table`);
        const alias = scope.builder.alias("p");
        const inner = compileAt(scope, { ...place, table: target, alias }, value);
        parts.push(
          `exists (select 1 from ${qualified(target.info)} as ${alias} where ${joinOf(relationship.mapping, place.alias, alias)} and ${inner})`,
        );
      } else {
        throw broken(`no column or relationship ${key} in ${place.table.key}`);
      }
    }
  }
  return conjunction(parts, "and", "true");
};

/** A permission's boolean expression over the row `alias` of `table`; "true" when it lets every row through. */
export const compilePermission = (
  scope: PermissionScope,
  table: RoleTable,
  alias: string,
  filter: Json,
): string => compileAt(scope, { table, alias, root: { table, alias } }, filter);

/** Presets of an insert or update permission: column name to the SQL of its value. */
export const compilePresets = (
  scope: PermissionScope,
  table: RoleTable,
  presets: Readonly<Record<string, Json>>,
): ReadonlyMap<string, string> => {
  const values = new Map<string, string>();
  for (const [name, value] of Object.entries(presets)) {
    const column = table.info.columns.get(name);
    if (!column) throw broken(`no column ${name} in ${table.key}`);
    values.set(name, permissionValue(scope, value, column.type, typeOf(column)));
  }
  return values;
};
