import type { Statement } from "../sql/builder.ts";
import { replacePlaceholders } from "../sql/placeholders.ts";

/** Text arrays of equal length, one for each parameter: the n-th elements belong to the n-th asker. */
export type Columns = readonly (readonly (string | null)[])[];

/**
 * One statement that answers for many askers: their values come as rows, and the statement runs once for each row, on its
 * side of a lateral join. Row `id` counts from 0.
 */
export const multiplex = (statement: Statement): Statement => {
  const names = statement.params.map((_, index) => `"p${String(index + 1)}"`);
  const arrays = ["$1::int4[]", ...names.map((_, index) => `$${String(index + 2)}::text[]`)];
  const body = replacePlaceholders(statement.text, (number) => `"_subs".${names[number - 1] ?? ""}`);
  const text = [
    `select "_subs"."id", "_answer".*`,
    `from unnest(${arrays.join(", ")}) as "_subs" (${['"id"', ...names].join(", ")})`,
    `left join lateral (\n${body}\n) as "_answer" on true`,
  ].join("\n");
  return { text, params: [] };
};

export const multiplexedValues = (
  params: number,
  askers: readonly { readonly values: readonly (string | null)[] }[],
): readonly [readonly number[], ...Columns] => [
  askers.map((_, index) => index),
  ...Array.from({ length: params }, (_, param) => askers.map(({ values }) => values[param] ?? null)),
];
