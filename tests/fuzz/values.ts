import { type GraphQLInputType, isEnumType, isInputObjectType, isListType, isNonNullType } from "graphql";

import type { Random } from "./random.ts";

/** Stands in every text that is generated as a value; found in a statement, a value was written into it. */
export const mark = "zqxv";
/** The digits of every number that is generated as a value. */
export const markedNumber = 73197;

export const markedUuid = "7a717876-0000-4000-8000-7a7178767a71";

/** What a statement never holds when values are parameters. */
export const isLeaked = (statement: string): boolean =>
  [mark, String(markedNumber), markedUuid].some((value) => statement.toLowerCase().includes(value));

export interface Wrongness {
  /** How often something stands where its type does not fit. */
  readonly share: number;
  /** Whether values of the right type are picked for the trouble that they may make. */
  readonly hostile: boolean;
}

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
  `${mark}\ud83d`,
  `\u202e${mark}\u0301`,
  `$$${mark}$$`,
  `E'${mark}\\'`,
  `/* ${mark} */`,
  mark.repeat(2_000),
  "",
  "null",
];

/** A number that JSON can write and a double cannot hold; `bodyText` writes it as it stands. */
const digits = (text: string): Value => ({ kind: "literal", text, json: `raw#${text}#` });

/** The JSON text of a request whose numbers keep their digits. */
export const bodyText = (value: unknown): string =>
  JSON.stringify(value).replaceAll(/"raw#([^"#]*)#"/g, (_, text: string) => text);

const numbers = [
  "0",
  "-0",
  "1",
  "-1",
  "1.5",
  "32768",
  "2147483647",
  "2147483648",
  "9223372036854775807",
  "9223372036854775808",
  `${String(markedNumber)}99999999999999999999999`,
  "1e400",
  "1e-400",
  "5E3",
];

const times = [
  "2030-01-02T03:04:05Z",
  "2030-01-02",
  "infinity",
  "-infinity",
  "now",
  "epoch",
  "294276-12-31",
  "294277-01-01",
  "4714-11-24 BC",
  "0000-00-00",
  "2030-13-45T25:61:61+99:99",
  "2030-01-02T03:04:05 Nowhere/City",
  `${mark}-not-a-time`,
];

const uuids = [
  ...knownIds,
  ...knownIds,
  markedUuid,
  markedUuid.toUpperCase(),
  `{${markedUuid}}`,
  `${mark}-not-a-uuid`,
  `${markedUuid}0`,
  "",
];

const nested = (levels: number): unknown =>
  Array.from({ length: levels }).reduce<unknown>((inner) => [inner], mark);

const documents = (random: Random): unknown =>
  random.pick<() => unknown>([
    () => ({ [mark]: [markedNumber, null, mark] }),
    () => [mark],
    () => mark,
    () => markedNumber,
    () => null,
    () => true,
    () => nested(200),
    () => ({ [`${mark}\u0000`]: `\u0000${mark}` }),
    () => `${mark}\udead`,
    () => ({ ["__proto__"]: mark, constructor: mark, "": { "": mark } }),
    () => ({ big: `raw#${String(markedNumber)}00000000000000000001#`, small: "raw#1e-5000#" }),
  ])();

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
      [[]],
      [null],
      { [mark]: mark },
      nested(30),
    ]),
  );

/** Values that fit, so that the statement runs to its end. */
const tameScalar = (name: string, random: Random): Value => {
  switch (name) {
    case "Int":
    case "smallint":
      return literal(random.pick([markedNumber % 30_000, 3, 0]));
    case "bigint":
    case "numeric":
    case "Float":
    case "float8":
      return literal(markedNumber);
    case "uuid":
      return literal(random.pick([...knownIds, markedUuid]));
    case "timestamptz":
    case "timestamp":
    case "date":
      return literal("2030-01-02T03:04:05Z");
    case "jsonb":
    case "json":
      return literal({ [mark]: [markedNumber, null, mark] });
    case "String":
    case "text":
    case "citext":
      return literal(random.pick([mark, `${mark}'`, `\u{1f600}${mark}`]));
    default:
      return hostileScalar(name, random);
  }
};

const hostileScalar = (name: string, random: Random): Value => {
  switch (name) {
    case "Int":
    case "smallint":
    case "bigint":
    case "numeric":
    case "Float":
    case "float8":
      if (random.chance(0.7)) {
        const small = name === "smallint" ? markedNumber % 30_000 : markedNumber;
        return literal(
          random.pick<unknown>([small, -small, 3, 0, ...(name === "bigint" ? [String(small)] : [])]),
        );
      }
      if (random.chance(0.3))
        return literal(random.pick(["NaN", "Infinity", "-Infinity", `${mark}1`, " 7 ", ""]));
      return digits(random.pick(numbers));
    case "Boolean":
      return literal(random.chance(0.5));
    // Reading one is a look into the catalog, which refuses unknown names in words of its own, as behind Hasura.
    case "regclass":
      return literal("public.users");
    case "uuid":
      return literal(random.pick(uuids));
    case "timestamptz":
    case "timestamp":
    case "date":
      return literal(random.pick(times));
    case "jsonb":
    case "json":
      return literal(documents(random));
    default:
      return literal(random.pick(texts));
  }
};

/** A value of the type, or with `wrongness` something that is none. */
export const randomValue = (
  type: GraphQLInputType,
  random: Random,
  depth: number,
  wrongness: Wrongness,
): Value => {
  if (random.chance(wrongness.share)) return anyScalar(random);
  if (isNonNullType(type)) return randomValue(type.ofType as GraphQLInputType, random, depth, wrongness);
  if (random.chance(wrongness.share > 0 ? 0.04 : 0.005)) return literal(null);
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
  return wrongness.hostile ? hostileScalar(type.name, random) : tameScalar(type.name, random);
};

export const valueText = (value: Value): string => {
  switch (value.kind) {
    case "literal":
      // An object of JSON is no GraphQL literal; as text it is.
      return typeof value.json === "object" && value.json !== null
        ? JSON.stringify(bodyText(value.json))
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
