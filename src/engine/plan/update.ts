import { validationFailed } from "../errors.ts";
import type { ColumnInfo } from "../catalog/types.ts";
import { compilePermission, compilePresets } from "../permissions/index.ts";
import type { RoleTable } from "../schema/types.ts";
import { SqlBuilder } from "../sql/builder.ts";
import { ident, qualified, typeOf } from "../sql/quote.ts";
import type { SelectedField } from "./collect-fields.ts";
import { bindList, bindValue, fieldsOf, itemsOf, type PlanContext, rowFilter } from "./context.ts";
import type { Input } from "./input.ts";
import { emptyResponse, mutationResponse, singleResponse, writeStatement } from "./mutation-response.ts";
import { type Arguments, argumentsOf } from "./select.ts";
import type { WritePlan } from "./types.ts";
import { deleteValidations, updateValidations } from "./validations.ts";
import { allOf, compileWhere } from "./where.ts";

type Change = (context: PlanContext, current: string, column: ColumnInfo, input: Input) => string;

const CHANGES: Readonly<Record<string, Change>> = {
  _set: (context, _current, column, input) => `${bindValue(context, input, column.type)}::${typeOf(column)}`,
  _inc: (context, current, column, input) =>
    `${current} + ${bindValue(context, input, column.type)}::${typeOf(column)}`,
  _append: (context, current, _column, input) => `${current} || ${bindValue(context, input, "jsonb")}::jsonb`,
  _prepend: (context, current, _column, input) =>
    `${bindValue(context, input, "jsonb")}::jsonb || ${current}`,
  _delete_key: (context, current, _column, input) =>
    `${current} - ${bindValue(context, input, "text")}::text`,
  _delete_elem: (context, current, _column, input) =>
    `${current} - ${bindValue(context, input, "int4")}::int4`,
  _delete_at_path: (context, current, _column, input) =>
    `${current} #- ${bindList(context, input, "text")}::text[]`,
};

/** `column = expression` of the client's operators and the presets; undefined when nothing changes. */
const assignments = (
  context: PlanContext,
  table: RoleTable,
  alias: string,
  args: Arguments,
  path: string,
): readonly string[] | undefined => {
  const seen = new Set<string>();
  const repeated = new Set<string>();
  const list: string[] = [];
  for (const [operator, change] of Object.entries(CHANGES)) {
    for (const [name, input] of fieldsOf(args.get(operator))) {
      const column = table.updateColumns.get(name);
      if (!column)
        throw validationFailed(
          `field '${name}' not found in type: '${table.graphqlName}_set_input'`,
          input.path,
        );
      if (seen.has(name)) repeated.add(name);
      seen.add(name);
      list.push(
        `${ident(column.name)} = ${change(context, `${alias}.${ident(column.name)}`, column, input)}`,
      );
    }
  }
  if (repeated.size > 0) {
    const names = [...repeated].map((name) => `'${name}'`).join(", ");
    throw validationFailed(`Column found in multiple operators: [${names}].`, path);
  }
  for (const [name, sql] of compilePresets(context, table, table.update?.set ?? {})) {
    list.push(`${ident(name)} = ${sql}`);
  }
  // Presets alone are a change: a role may be allowed nothing but to touch a row.
  if (list.length === 0) return undefined;
  return list;
};

const primaryKeyCondition = (
  context: PlanContext,
  table: RoleTable,
  alias: string,
  values: ReadonlyMap<string, Input>,
): string | undefined =>
  allOf(
    [...values].map(([name, input]) => {
      const column = table.columns.get(name) ?? table.allColumns.get(name);
      return (
        column &&
        `${alias}.${ident(column.name)} = ${bindValue(context, input, column.type)}::${typeOf(column)}`
      );
    }),
  );

const checkColumn = (context: PlanContext, table: RoleTable, alias: string): string | undefined => {
  const { update } = table;
  const check = update?.check ?? null;
  if (check === null) return undefined;
  const sql = compilePermission(context, table, alias, check);
  return sql === "true" ? undefined : sql;
};

interface UpdateSql {
  readonly text: string;
}

const compileUpdate = (
  context: PlanContext,
  field: SelectedField,
  table: RoleTable,
  args: Arguments,
  single: boolean,
): UpdateSql | undefined => {
  const alias = context.builder.alias("t");
  const set = assignments(context, table, alias, args, `${field.path}.args`);
  if (!set) return undefined;
  const where = allOf([
    rowFilter(context, table, alias, table.update?.filter ?? {}),
    single ? primaryKeyCondition(context, table, alias, fieldsOf(args.get("pk_columns"))) : undefined,
    single ? undefined : compileWhere(context, table, alias, args.get("where")),
  ]);
  const check = checkColumn(context, table, alias);
  const writing = [
    `update ${qualified(table.info)} as ${alias}`,
    `set ${set.join(", ")}`,
    ...(where === undefined ? [] : [`where ${where}`]),
    `returning ${alias}.*${check === undefined ? "" : `, coalesce((${check}), false) as "c.ok"`}`,
  ].join("\n");
  const answer = single
    ? singleResponse(context, field, table, '"m"')
    : mutationResponse(context, field, table, { source: '"m"', affected: '(select count(*) from "m")' });
  return { text: writeStatement(writing, answer, check !== undefined) };
};

export const planUpdate = (
  context: PlanContext,
  field: SelectedField,
  table: RoleTable,
  single: boolean,
): WritePlan => {
  const args = argumentsOf(context, field);
  const sql = compileUpdate(context, field, table, args, single);
  if (!sql) return { kind: "fixed", json: emptyResponse(context, field, single) };
  return {
    kind: "write",
    statement: context.builder.statement(sql.text),
    errorPath: "$",
    checkPath: "$",
    validations: updateValidations(context, table, field),
  };
};

export const planUpdateMany = (context: PlanContext, field: SelectedField, table: RoleTable): WritePlan => {
  const args = argumentsOf(context, field);
  const updates = args.get("updates");
  const statements = (updates ? itemsOf(updates) : []).map((item) => {
    const own: PlanContext = { ...context, builder: new SqlBuilder() };
    const sql = compileUpdate(own, field, table, fieldsOf(item), false);
    return sql ? own.builder.statement(sql.text) : { fixed: emptyResponse(own, field, false) };
  });
  return {
    kind: "write_many",
    statements,
    errorPath: "$",
    checkPath: "$",
    validations: updateValidations(context, table, field, true),
  };
};

export const planDelete = (
  context: PlanContext,
  field: SelectedField,
  table: RoleTable,
  single: boolean,
): WritePlan => {
  const args = argumentsOf(context, field);
  const alias = context.builder.alias("t");
  const where = allOf([
    rowFilter(context, table, alias, table.delete?.filter ?? {}),
    single
      ? primaryKeyCondition(context, table, alias, args)
      : compileWhere(context, table, alias, args.get("where")),
  ]);
  const writing = [
    `delete from ${qualified(table.info)} as ${alias}`,
    ...(where === undefined ? [] : [`where ${where}`]),
    `returning ${alias}.*`,
  ].join("\n");
  const answer = single
    ? singleResponse(context, field, table, '"m"')
    : mutationResponse(context, field, table, { source: '"m"', affected: '(select count(*) from "m")' });
  return {
    kind: "write",
    statement: context.builder.statement(writeStatement(writing, answer, false)),
    errorPath: "$",
    checkPath: "$",
    validations: deleteValidations(context, table, field, single),
  };
};
