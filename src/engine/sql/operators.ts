import type { ColumnInfo } from "../catalog/types.ts";
import { ident, listTypeOf, typeOf } from "./quote.ts";

/** What the right side of a comparison must be cast to. */
export type OperandShape =
  "column" | "list" | "text" | "text_list" | "jsonb" | "boolean" | "lquery" | "lquery_list" | "ltxtquery";

export interface Operator {
  readonly shape: OperandShape;
  readonly sql: (left: string, right: string) => string;
}

const infix =
  (symbol: string) =>
  (left: string, right: string): string =>
    `${left} ${symbol} ${right}`;

const operator = (shape: OperandShape, symbol: string): Operator => ({ shape, sql: infix(symbol) });

const OPERATORS: ReadonlyMap<string, Operator> = new Map<string, Operator>([
  ["_eq", operator("column", "=")],
  ["_neq", operator("column", "<>")],
  ["_ne", operator("column", "<>")],
  ["_gt", operator("column", ">")],
  ["_lt", operator("column", "<")],
  ["_gte", operator("column", ">=")],
  ["_lte", operator("column", "<=")],
  ["_in", { shape: "list", sql: (left, right) => `${left} = any(${right})` }],
  ["_nin", { shape: "list", sql: (left, right) => `${left} <> all(${right})` }],
  ["_is_null", { shape: "boolean", sql: (left, right) => `(${left} is null) = ${right}` }],
  ["_like", operator("text", "like")],
  ["_nlike", operator("text", "not like")],
  ["_ilike", operator("text", "ilike")],
  ["_nilike", operator("text", "not ilike")],
  ["_similar", operator("text", "similar to")],
  ["_nsimilar", operator("text", "not similar to")],
  ["_regex", operator("text", "~")],
  ["_iregex", operator("text", "~*")],
  ["_nregex", operator("text", "!~")],
  ["_niregex", operator("text", "!~*")],
  ["_contains", operator("column", "@>")],
  ["_contained_in", operator("column", "<@")],
  ["_has_key", operator("text", "?")],
  ["_has_keys_any", operator("text_list", "?|")],
  ["_has_keys_all", operator("text_list", "?&")],
  ["_ancestor", operator("column", "@>")],
  ["_ancestor_any", operator("list", "@>")],
  ["_descendant", operator("column", "<@")],
  ["_descendant_any", operator("list", "<@")],
  ["_matches", operator("lquery", "~")],
  ["_matches_any", operator("lquery_list", "?")],
  ["_matches_fulltext", operator("ltxtquery", "@")],
]);

const COLUMN_OPERATORS: ReadonlyMap<string, string> = new Map([
  ["_ceq", "="],
  ["_cne", "<>"],
  ["_cneq", "<>"],
  ["_cgt", ">"],
  ["_clt", "<"],
  ["_cgte", ">="],
  ["_clte", "<="],
]);

/** `$eq` and `_eq` are the same word. */
export const canonical = (name: string): string => (name.startsWith("$") ? `_${name.slice(1)}` : name);

export const operatorOf = (name: string): Operator | undefined => OPERATORS.get(name);

/** The symbol of a comparison between two columns. */
export const columnOperatorOf = (name: string): string | undefined => COLUMN_OPERATORS.get(name);

/** The cast that goes with an operand. */
export const castOf = (shape: OperandShape, column: Pick<ColumnInfo, "type" | "typeSchema">): string => {
  switch (shape) {
    case "column":
      return typeOf(column);
    case "list":
      return listTypeOf(column);
    case "text":
      return column.type === "citext" ? typeOf(column) : ident("text");
    case "text_list":
      return `${ident("text")}[]`;
    case "jsonb":
      return ident("jsonb");
    case "boolean":
      return ident("bool");
    // The patterns of ltree live in the schema of the extension, as the column's type does.
    case "lquery":
    case "ltxtquery":
      return typeOf({ ...column, type: shape });
    case "lquery_list":
      return listTypeOf({ ...column, type: "lquery" });
  }
};

/** Whether the operand is a list. */
export const isListShape = (shape: OperandShape): boolean =>
  shape === "list" || shape === "text_list" || shape === "lquery_list";

/** The `udt` name whose input rules apply to one value of the operand. */
export const operandType = (shape: OperandShape, column: Pick<ColumnInfo, "type">): string => {
  switch (shape) {
    case "text":
    case "text_list":
    case "lquery":
    case "lquery_list":
    case "ltxtquery":
      return "text";
    case "boolean":
      return "bool";
    case "jsonb":
      return "jsonb";
    default:
      return column.type;
  }
};
