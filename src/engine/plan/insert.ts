import { HasuraError, validationFailed } from "../errors.ts";
import { compilePermission, compilePresets } from "../permissions/index.ts";
import { displayName } from "../schema/names.ts";
import type { ResolvedRelationship, RoleTable } from "../schema/types.ts";
import { SqlBuilder, type Statement } from "../sql/builder.ts";
import { ident, qualified, typeOf } from "../sql/quote.ts";
import type { SelectedField } from "./collect-fields.ts";
import { bindValue, fieldsOf, itemsOf, type PlanContext, rowFilter, tableOf } from "./context.ts";
import type { Input } from "./input.ts";
import { mutationResponse, singleResponse, writeStatement } from "./mutation-response.ts";
import { argumentsOf } from "./select.ts";
import type { InsertNode, InsertRow, NestedInsert, WritePlan } from "./types.ts";
import { insertValidations } from "./validations.ts";
import { allOf, compileWhere } from "./where.ts";

const checkOf = (
  context: PlanContext,
  table: RoleTable,
  alias: string,
  upsert: boolean,
): string | undefined => {
  const insert = compilePermission(context, table, alias, table.insert?.check ?? {});
  if (!upsert || table.update === undefined) return insert === "true" ? undefined : insert;
  const update = compilePermission(context, table, alias, table.update.check ?? {});
  if (insert === "true" && update === "true") return undefined;
  // xmax tells a row that the conflict updated from one that was inserted.
  return `case when ${alias}.xmax = 0 then ${insert} else ${update} end`;
};

const conflictClause = (
  context: PlanContext,
  table: RoleTable,
  alias: string,
  input: Input | undefined,
): { readonly sql: string; readonly updates: boolean } | undefined => {
  if (!input || input.kind !== "object") return undefined;
  const constraint = input.fields.get("constraint");
  const target = constraint?.kind === "enum" ? `on constraint ${ident(constraint.value)}` : "";
  const list = input.fields.get("update_columns");
  const named = (list ? itemsOf(list) : [])
    .map((item) => (item.kind === "enum" ? table.updateColumns.get(item.value) : undefined))
    .filter((column) => column !== undefined);
  // Postgres refuses to set a column twice; naming it twice says nothing more.
  const columns = [...new Set(named)];
  if (columns.length === 0) return { sql: `on conflict ${target} do nothing`, updates: false };
  const sets = columns.map((column) => `${ident(column.name)} = excluded.${ident(column.name)}`);
  for (const [name, sql] of compilePresets(context, table, table.update?.set ?? {}))
    sets.push(`${ident(name)} = ${sql}`);
  const where = allOf([
    rowFilter(context, table, alias, table.update?.filter ?? {}),
    compileWhere(context, table, alias, input.fields.get("where")),
  ]);
  return {
    sql: `on conflict ${target} do update set ${sets.join(", ")}${where === undefined ? "" : ` where ${where}`}`,
    updates: true,
  };
};

/**
 * `insert … returning` of the rows; `extra` are columns that rows written before decide. A preset wins over both, as in
 * Hasura: a role must not get around it by the row that it hangs its own on.
 */
const insertSql = (
  context: PlanContext,
  table: RoleTable,
  rows: readonly InsertRow[],
  extra: ReadonlyMap<string, string | null>,
  onConflict: Input | undefined,
): { readonly text: string; readonly checked: boolean } => {
  const alias = context.builder.alias("t");
  const presets = compilePresets(context, table, table.insert?.set ?? {});
  const names = new Set<string>([...presets.keys(), ...extra.keys()]);
  for (const row of rows) for (const name of row.values.keys()) names.add(name);
  if (names.size === 0) {
    const first = [...table.info.columns.values()].find((column) => !column.isGenerated);
    if (first) names.add(first.name);
  }
  const fixed = new Map<string, string>();
  for (const [name, value] of extra) {
    const column = table.info.columns.get(name);
    if (column && !presets.has(name))
      fixed.set(name, `${context.builder.bind({ kind: "value", value })}::${typeOf(column)}`);
  }
  const columns = [...names];
  const tuples = rows.map((row) => {
    const cells = columns.map((name) => {
      const decided = presets.get(name) ?? fixed.get(name);
      if (decided !== undefined) return decided;
      const cell = row.values.get(name);
      const column = table.info.columns.get(name);
      if (!cell || !column) return "default";
      return `${bindValue(context, cell, column.type)}::${typeOf(column)}`;
    });
    return `(${cells.join(", ")})`;
  });
  const conflict = conflictClause(context, table, alias, onConflict);
  const check = checkOf(context, table, alias, conflict?.updates ?? false);
  const text = [
    `insert into ${qualified(table.info)} as ${alias} (${columns.map(ident).join(", ")})`,
    `values ${tuples.join(", ")}`,
    ...(conflict ? [conflict.sql] : []),
    `returning ${alias}.*${check === undefined ? "" : `, coalesce((${check}), false) as "c.ok"`}`,
  ].join("\n");
  return { text, checked: check !== undefined };
};

const nestedOf = (
  context: PlanContext,
  relationship: ResolvedRelationship,
  input: Input,
  given: ReadonlySet<string>,
): NestedInsert | undefined => {
  const data = fieldsOf(input).get("data");
  if (!data || data.kind === "null") return undefined;
  const target = tableOf(context, relationship.target);
  if (!target.info.insertable) {
    // Hasura offers it as well and lets Postgres fail; its suite expects that answer to the letter.
    throw new HasuraError({
      message: "database query error",
      code: "unexpected",
      path: `${input.path}.data`,
      internal: { message: `view "${displayName(target.meta.table)}" is not insertable` },
    });
  }
  const decided = relationship.mapping.flatMap(({ from, to }) => {
    if (relationship.insertBefore) return given.has(from) ? [from] : [];
    return target.info.columns.get(to)?.isGenerated === true ? [to] : [];
  });
  if (decided.length > 0) {
    throw validationFailed(
      `cannot insert ${relationship.kind} relationship ${JSON.stringify(relationship.name)} as ${decided
        .map((name) => JSON.stringify(name))
        .join(", ")} column values are already determined`,
      input.path,
    );
  }
  const determined = relationship.insertBefore
    ? new Set<string>()
    : new Set(relationship.mapping.map((pair) => pair.to));
  const node = insertNode(
    context,
    target,
    itemsOf(data),
    fieldsOf(input).get("on_conflict"),
    determined,
    data.path,
  );
  if (node.rows.length === 0) return undefined;
  return {
    name: relationship.name,
    single: relationship.kind === "object",
    mapping: relationship.mapping,
    node,
  };
};

const rowOf = (
  context: PlanContext,
  table: RoleTable,
  input: Input,
  determined: ReadonlySet<string>,
): InsertRow => {
  const values = new Map<string, Input>();
  const relationships: [ResolvedRelationship, Input][] = [];
  for (const [name, value] of fieldsOf(input)) {
    const column = table.insertColumns.get(name);
    const relationship = column ? undefined : table.relationships.get(name);
    if (column) values.set(column.name, value);
    else if (relationship) relationships.push([relationship, value]);
    else throw validationFailed(`field '${name}' not found in type: '${input.type}'`, value.path);
  }
  const clash = [...values.keys()].filter((name) => determined.has(name));
  if (clash.length > 0) {
    throw validationFailed(
      `cannot insert ${clash.map((name) => JSON.stringify(name)).join(", ")} columns as their values are already being determined by parent insert`,
      input.path,
    );
  }
  // What Postgres computes is as decided as what was given: no related row can set it.
  const generated = [...table.info.columns.values()].filter((column) => column.isGenerated);
  const given = new Set([...values.keys(), ...determined, ...generated.map((column) => column.name)]);
  const before: NestedInsert[] = [];
  const after: NestedInsert[] = [];
  for (const [relationship, value] of relationships) {
    const nested = nestedOf(context, relationship, value, given);
    if (nested) (relationship.insertBefore ? before : after).push(nested);
  }
  return { values, before, after };
};

const insertNode = (
  context: PlanContext,
  table: RoleTable,
  items: readonly Input[],
  onConflict: Input | undefined,
  determined: ReadonlySet<string>,
  path: string,
): InsertNode => {
  const rows = items.map((item) => rowOf(context, table, item, determined));
  return {
    table,
    rows,
    path,
    nested: rows.some((row) => row.before.length > 0 || row.after.length > 0),
    compile: (some, extra): Statement => {
      const own: PlanContext = { ...context, builder: new SqlBuilder() };
      const insert = insertSql(own, table, some, extra, onConflict);
      const columns = [...table.info.columns.keys()].map(
        (name) => `"m".${ident(name)}::text as ${ident(`v.${name}`)}`,
      );
      return own.builder.statement(
        [
          `with "m" as (${insert.text})`,
          `select row_to_json("m")::text as "c.row", ${insert.checked ? '"m"."c.ok"' : "true"} as "c.check", ${columns.join(", ")}`,
          'from "m"',
        ].join("\n"),
      );
    },
  };
};

export const planInsert = (
  context: PlanContext,
  field: SelectedField,
  table: RoleTable,
  single: boolean,
): WritePlan => {
  const args = argumentsOf(context, field);
  const input = args.get(single ? "object" : "objects");
  const errorPath = `${field.path}.args.${single ? "object" : "objects"}`;
  const node = insertNode(
    context,
    table,
    input ? itemsOf(input) : [],
    args.get("on_conflict"),
    new Set(),
    errorPath,
  );
  const paths = { errorPath, checkPath: errorPath, validations: insertValidations(node) };
  const respond = (source: string, affected: string): string =>
    single
      ? singleResponse(context, field, table, source)
      : mutationResponse(context, field, table, { source, affected });
  if (node.rows.length === 0 || node.nested) {
    // The rows come back as JSON, so that the answer is read the same way however many statements wrote them.
    const rows = context.builder.bind({ kind: "rows" });
    const affected = context.builder.bind({ kind: "affected" });
    const source = `json_populate_recordset(null::${qualified(table.info)}, ${rows}::json)`;
    const answer = `select (${respond(source, `${affected}::int8`)})::text as "root" where ${affected}::int8 is not null`;
    return {
      kind: "nested_insert",
      insert: node,
      answer: context.builder.statement(`${answer} and ${rows}::json is not null`),
      ...paths,
    };
  }
  const insert = insertSql(context, table, node.rows, new Map(), args.get("on_conflict"));
  const answer = respond('"m"', '(select count(*) from "m")');
  return {
    kind: "write",
    statement: context.builder.statement(writeStatement(insert.text, answer, insert.checked)),
    ...paths,
  };
};
