import { ident } from "./quote.ts";

/** Types that Postgres can sort but has no `min` and `max` for; Hasura offers both and fails when they are asked for. */
const WITHOUT_EXTREMES: ReadonlySet<string> = new Set([
  "uuid",
  "macaddr",
  "macaddr8",
  "ltree",
  "bit",
  "varbit",
]);

/** An aggregate function of the schema over `value`. */
export const aggregateCall = (fn: string, value: string, type: string): string => {
  if ((fn !== "min" && fn !== "max") || !WITHOUT_EXTREMES.has(type)) return `${ident(fn)}(${value})`;
  return `(array_agg(${value} order by ${value} ${fn === "min" ? "asc" : "desc"}) filter (where ${value} is not null))[1]`;
};
