import { literal } from "./quote.ts";

export interface JsonPair {
  readonly key: string;
  readonly sql: string;
}

/** A function takes at most 100 arguments, two for each pair. */
const pairsPerCall = 50;

const build = (pairs: readonly JsonPair[]): string =>
  `json_build_object(${pairs.map(({ key, sql }) => `${literal(key)}, ${sql}`).join(", ")})`;

/** A JSON object with its keys in order, of as many as there are: more than one call's worth is joined as text. */
export const jsonObject = (pairs: readonly JsonPair[]): string => {
  if (pairs.length <= pairsPerCall) return build(pairs);
  const parts: string[] = [];
  for (let start = 0; start < pairs.length; start += pairsPerCall) {
    const text = `${build(pairs.slice(start, start + pairsPerCall))}::text`;
    // Between two parts the closing and the opening brace become a comma.
    const opened = start === 0 ? text : `substr(${text}, 2)`;
    parts.push(start + pairsPerCall < pairs.length ? `left(${opened}, -1)` : opened);
  }
  return `(${parts.join(" || ', ' || ")})::json`;
};
