import { type GraphQLInputType, isEnumType, isInputObjectType, isListType, isNonNullType } from "graphql";

import type { Random } from "./random.ts";

/** Stands in every text that is generated as a value; found in a statement, a value was written into it. */
export const mark = "zqxv";
/** The digits of every number that is generated as a value. */
export const markedNumber = 73197;

export type Value =
  | { readonly kind: "literal"; readonly text: string; readonly json: unknown }
  | { readonly kind: "list"; readonly items: readonly Value[] }
  | { readonly kind: "object"; readonly fields: readonly (readonly [string, Value])[] };

/** Ids that exist in the seeds, so that some operations find something. */
const knownIds = [
  "a0000000-0000-4000-8000-000000000001",
  "b0000000-0000-4000-8000-000000000001",
  "c0000000-0000-4000-8000-000000000001",
  "e0000000-0000-4000-8000-000000000001",
];

const texts = [
  mark,
  `${mark}'; drop table users; --`,
  `${mark}"$1`,
  `${mark}\\`,
  `%${mark}_`,
  `{${mark}}`,
  `x-hasura-${mark}`,
  `\u{1f600}${mark}\n\t`,
  `${mark}\u0000`,
  `(${mark}`,
  `[${mark}`,
  `${mark}.a[0]`,
];

const literal = (json: unknown): Value => ({ kind: "literal", text: JSON.stringify(json), json });

const anyScalar = (random: Random): Value =>
  literal(
    random.pick<unknown>([
      random.pick(texts),
      markedNumber,
      -markedNumber,
      markedNumber + 0.5,
      Number(`${String(markedNumber)}e20`),
      true,
      false,
      null,
      random.pick(knownIds),
    ]),
  );

const scalarOf = (name: string, random: Random): Value => {
  switch (name) {
    case "Int":
    case "smallint":
      return literal(random.pick([markedNumber % 30_000, 0, 1, -1]));
    case "bigint":
    case "numeric":
    case "Float":
    case "float8":
      return literal(random.pick<unknown>([markedNumber, -markedNumber, `${String(markedNumber)}00000`]));
    case "Boolean":
      return literal(random.chance(0.5));
    // Reading one is a look into the catalog, which refuses unknown names in words of its own, as behind Hasura.
    case "regclass":
      return literal("public.users");
    case "uuid":
      return literal(random.pick([...knownIds, `${mark}-not-a-uuid`]));
    case "timestamptz":
    case "timestamp":
    case "date":
      return literal(random.pick(["2030-01-02T03:04:05Z", "infinity", "now", `${mark}-not-a-time`]));
    case "jsonb":
    case "json":
      return literal(
        random.pick<unknown>([
          { [mark]: [markedNumber, null, mark] },
          [mark],
          mark,
          markedNumber,
          null,
          true,
        ]),
      );
    default:
      return literal(random.pick(texts));
  }
};

/** A value of the type, or with `wrongness` something that is none. */
export const randomValue = (
  type: GraphQLInputType,
  random: Random,
  depth: number,
  wrongness: number,
): Value => {
  if (random.chance(wrongness)) return anyScalar(random);
  if (isNonNullType(type)) return randomValue(type.ofType as GraphQLInputType, random, depth, wrongness);
  if (random.chance(0.04)) return literal(null);
  if (isListType(type)) {
    const of = type.ofType as GraphQLInputType;
    // One item may stand for a list.
    if (random.chance(0.15)) return randomValue(of, random, depth, wrongness);
    const length = depth <= 0 ? 1 : random.int(3);
    return {
      kind: "list",
      items: Array.from({ length }, () => randomValue(of, random, depth - 1, wrongness)),
    };
  }
  if (isEnumType(type)) {
    const name = random.pick(type.getValues()).name;
    return { kind: "literal", text: name, json: name };
  }
  if (isInputObjectType(type)) {
    const all = Object.values(type.getFields());
    const required = all.filter((field) => isNonNullType(field.type));
    const wanted = depth <= 0 ? 1 : 1 + random.int(3);
    const chosen = new Set(required);
    for (let turn = 0; turn < wanted; turn += 1) chosen.add(random.pick(all));
    return {
      kind: "object",
      fields: [...chosen].map((field) => [field.name, randomValue(field.type, random, depth - 1, wrongness)]),
    };
  }
  return scalarOf(type.name, random);
};

export const valueText = (value: Value): string => {
  switch (value.kind) {
    case "literal":
      // An object of JSON is no GraphQL literal; as text it is.
      return typeof value.json === "object" && value.json !== null
        ? JSON.stringify(JSON.stringify(value.json))
        : value.text;
    case "list":
      return `[${value.items.map(valueText).join(", ")}]`;
    case "object":
      return `{${value.fields.map(([name, item]) => `${name}: ${valueText(item)}`).join(", ")}}`;
  }
};

export const valueJson = (value: Value): unknown => {
  switch (value.kind) {
    case "literal":
      return value.json;
    case "list":
      return value.items.map(valueJson);
    case "object":
      return Object.fromEntries(value.fields.map(([name, item]) => [name, valueJson(item)]));
  }
};
