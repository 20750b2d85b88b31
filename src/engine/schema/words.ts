import type { Naming } from "./naming.ts";

/** What an input is called in the planner, when the naming convention calls it otherwise. */
export const canonicalOf = (input: { readonly name: string; readonly extensions: object }): string =>
  "canonical" in input.extensions ? String(input.extensions.canonical) : input.name;

/** An argument or input field of Hasura's own, under the name that the convention gives it. */
export const word = <C extends object>(
  naming: Naming,
  canonical: string,
  config: C,
  name = naming.field(canonical),
): Record<string, C & { readonly extensions?: Readonly<Record<string, string>> }> => ({
  [name]: name === canonical ? config : { ...config, extensions: { canonical } },
});

export const words = <C extends object>(
  naming: Naming,
  fields: Readonly<Record<string, C>>,
): Record<string, C & { readonly extensions?: Readonly<Record<string, string>> }> =>
  Object.assign(
    {},
    ...Object.entries(fields).map(([canonical, config]) => word(naming, canonical, config)),
  ) as Record<string, C & { readonly extensions?: Readonly<Record<string, string>> }>;
