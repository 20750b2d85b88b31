import { type Json, type JsonObject } from "../../src/engine/metadata/index.ts";

/** What surrounds a part decides whether it needs parentheses, and only a comparison takes a path in front. */
interface Part {
  readonly text: string;
  readonly shape: "comparison" | "and" | "or" | "other";
}

const logic: ReadonlySet<string> = new Set(["_and", "_or", "_not", "_exists"]);
const symbols: Readonly<Record<string, string>> = {
  _eq: "=",
  _neq: "<>",
  _gt: ">",
  _gte: ">=",
  _lt: "<",
  _lte: "<=",
  _nin: "not in",
  _ceq: "= column",
  _cneq: "<> column",
  _cgt: "> column",
  _cgte: ">= column",
  _clt: "< column",
  _clte: "<= column",
};

const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isOperator = (key: string): boolean => key.startsWith("_") && !logic.has(key);

/** A session variable stands bare, a constant as JSON. */
export const describeValue = (value: Json): string => {
  if (Array.isArray(value)) return `(${value.map(describeValue).join(", ")})`;
  return typeof value === "string" && /^x-hasura-/iu.test(value) ? value : JSON.stringify(value);
};

const join = (parts: readonly Part[], word: "and" | "or", none: string): Part => {
  const [first, ...others] = parts;
  if (first === undefined) return { text: none, shape: "other" };
  if (others.length === 0) return first;
  const opposite = word === "and" ? "or" : "and";
  const text = parts
    .map((part) => (part.shape === opposite ? `(${part.text})` : part.text))
    .join(` ${word} `);
  return { text, shape: word };
};

const comparison = (column: string, operator: string, value: Json): Part => {
  const test =
    operator === "_is_null" && typeof value === "boolean"
      ? `is ${value ? "" : "not "}null`
      : `${symbols[operator] ?? operator.slice(1)} ${describeValue(value)}`;
  return { text: `${column} ${test}`, shape: "comparison" };
};

const exists = (value: Json): Part => {
  const { _table: table, _where: where = {} } = isObject(value) ? value : {};
  const name = isObject(table) ? `${String(table["schema"])}.${String(table["name"])}` : String(table);
  return { text: `exists ${name}(${predicate(where).text})`, shape: "other" };
};

const list = (value: Json): readonly Part[] => (Array.isArray(value) ? value : [value]).map(predicate);

const entry = (key: string, value: Json): Part => {
  if (key === "_and") return join(list(value), "and", "every row");
  if (key === "_or") return join(list(value), "or", "no row");
  if (key === "_not") return { text: `not (${predicate(value).text})`, shape: "other" };
  if (key === "_exists") return exists(value);
  if (!isObject(value)) return comparison(key, "_eq", value);
  const keys = Object.keys(value);
  if (keys.length === 0) return { text: `${key}: any`, shape: "other" };
  if (keys.some(isOperator)) {
    const parts = Object.entries(value).map(([operator, operand]) => comparison(key, operator, operand));
    return join(parts, "and", "every row");
  }
  const inner = predicate(value);
  return inner.shape === "comparison"
    ? { text: `${key}.${inner.text}`, shape: "comparison" }
    : { text: `${key}(${inner.text})`, shape: "other" };
};

function predicate(value: Json): Part {
  if (!isObject(value)) return { text: JSON.stringify(value), shape: "other" };
  const parts = Object.entries(value).map(([key, operand]) => entry(key, operand));
  return join(parts, "and", "every row");
}

/**
 * A permission rule in one line: `channel.workspace_id = X-Hasura-Workspace-Id and deleted_at is null`. A path leads
 * through relationships; `memberships(a and b)` asks for one related row that meets both. `{}` is `every row`.
 */
export const describePredicate = (rule: Json): string => predicate(rule).text;
