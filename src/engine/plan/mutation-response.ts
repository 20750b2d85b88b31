import { validationFailed } from "../errors.ts";
import type { RoleTable } from "../schema/types.ts";
import { jsonObject, type JsonPair } from "../sql/json-object.ts";
import { literal } from "../sql/quote.ts";
import { collectBelow, type SelectedField } from "./collect-fields.ts";
import type { PlanContext } from "./context.ts";
import { listOfRows, objectOfRow } from "./select.ts";

export interface WrittenRows {
  /** A row source that may be named twice: a common table expression or a function over a parameter. */
  readonly source: string;
  readonly affected: string;
}

/** `{affected_rows, returning}` over the written rows, as one JSON expression. */
export const mutationResponse = (
  context: PlanContext,
  field: SelectedField,
  table: RoleTable,
  rows: WrittenRows,
): string => {
  const pairs: JsonPair[] = [];
  for (const below of collectBelow(context.scope, field)) {
    let sql: string;
    switch (below.binding?.kind) {
      case "typename":
        sql = `${literal(field.type?.name ?? "")}::text`;
        break;
      case "affected_rows":
        sql = rows.affected;
        break;
      case "returning": {
        const alias = context.builder.alias("b");
        sql = `(${listOfRows(context, table, collectBelow(context.scope, below), rows.source, alias)})`;
        break;
      }
      default:
        throw validationFailed(
          `field '${below.name}' not found in type: '${field.type?.name ?? ""}'`,
          below.path,
        );
    }
    pairs.push({ key: below.key, sql });
  }
  return jsonObject(pairs);
};

/** The one written row, or null. */
export const singleResponse = (
  context: PlanContext,
  field: SelectedField,
  table: RoleTable,
  source: string,
): string => {
  const alias = context.builder.alias("b");
  return `(${objectOfRow(context, table, collectBelow(context.scope, field), source, alias)} limit 1)`;
};

/** What a mutation without any change answers. */
export const emptyResponse = (context: PlanContext, field: SelectedField, single: boolean): string => {
  if (single) return "null";
  const pairs = collectBelow(context.scope, field).map((below) => {
    const kind = below.binding?.kind;
    const value =
      kind === "affected_rows" ? "0" : kind === "returning" ? "[]" : JSON.stringify(field.type?.name ?? "");
    return `${JSON.stringify(below.key)}:${value}`;
  });
  return `{${pairs.join(",")}}`;
};

/** The written rows and the check's verdict in one statement; the common table expression is always "m". */
export const writeStatement = (writing: string, answer: string, checked: boolean): string =>
  [
    `with "m" as (${writing})`,
    `select (${answer})::text as "root"${checked ? ', coalesce((select bool_and("c.ok") from "m"), true) as "ok"' : ""}`,
  ].join("\n");
