import { readFileSync } from "node:fs";

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
type Entry = Record<string, Json>;

/** An object of Hasura's metadata: its keys with their types, `!` behind those that must be there. */
interface ObjectType {
  readonly keys: ReadonlyMap<string, string>;
  /** Keys of which exactly one may be given. */
  readonly either: readonly string[];
}

const file = new URL("../../../fixtures/engine/hasura-metadata-keys.json", import.meta.url);

/**
 * Every key that Hasura v2.48 knows in metadata with a Postgres source, by the object it stands in. Types are written
 * `string`, `[T]` for lists, `{T}` for maps, `A|B` for either; `any` stands for what the engine refuses as a whole.
 */
export const hasuraTypes: ReadonlyMap<string, ObjectType> = new Map(
  Object.entries(
    JSON.parse(readFileSync(file, "utf8")) as Record<string, Record<string, string | string[]>>,
  ).map(([name, { $either, ...keys }]) => [
    name,
    { keys: new Map(Object.entries(keys) as [string, string][]), either: ($either ?? []) as string[] },
  ]),
);

const typeOf = (name: string): ObjectType => {
  const found = hasuraTypes.get(name);
  if (found === undefined) throw new Error(`no type ${name}`);
  return found;
};

const alternatives = (type: string): readonly string[] => {
  const parts: string[] = [];
  let depth = 0;
  let part = "";
  for (const character of type.replace(/!$/, "")) {
    if ("[{".includes(character)) depth += 1;
    if ("]}".includes(character)) depth -= 1;
    if (character === "|" && depth === 0) {
      parts.push(part);
      part = "";
    } else part += character;
  }
  return [...parts, part];
};

/** A type of one value is written as that value. */
const isLiteral = (type: string): boolean => /^(?:"[^"|]*"|\d+|true|false)$/.test(type);

/** Of the few values that are allowed none need be told from another: one alone, or one that must be there. */
export const isChoice = (type: string): boolean => {
  const values = alternatives(type);
  return values.every(isLiteral) && (values.length === 1 || type.endsWith("!"));
};

const scalars: Readonly<Record<string, readonly Json[]>> = {
  string: ["one", "two"],
  name: ["One", "Two"],
  number: [7, 8],
  boolean: [true, false],
  any: [{ something: true }],
  rule: [{ id: { _eq: 1 } }, {}],
  graphql: ["{ one }", "{ two }"],
  cron: ["*/5 * * * *", "0 0 1 1 *"],
};

/** The smallest object of a type: what must be there, and one of those that exclude each other. */
const smallest = (name: string): Entry => {
  const { keys, either } = typeOf(name);
  const entries: [string, Json][] = [];
  for (const [key, type] of keys) {
    if (type.endsWith("!") || key === either[0]) entries.push([key, firstSample(type)]);
  }
  return Object.fromEntries(entries);
};

/** The smallest object, and for each of its keys those that say something else there. */
const variants = (name: string, depth: number): readonly Entry[] => {
  const least = smallest(name);
  const { keys, either } = typeOf(name);
  const others = [...keys].flatMap(([key, type]) =>
    either.includes(key) ? [] : samples(type, depth).map((value) => ({ ...least, [key]: value })),
  );
  return [least, ...others];
};

/** Values of every form that a type allows, with objects varied key by key, `depth` of them inside each other. */
export const samples = (type: string, depth = 2): readonly Json[] =>
  alternatives(type).flatMap((one): readonly Json[] => {
    if (one.startsWith("[")) return samples(one.slice(1, -1), depth).map((item) => [item]);
    if (one.startsWith("{")) return samples(one.slice(1, -1), depth).map((item) => ({ one: item }));
    if (isLiteral(one)) return [JSON.parse(one) as Json];
    return scalars[one] ?? (depth > 0 ? variants(one, depth - 1) : [smallest(one)]);
  });

const firstSample = (type: string): Json => samples(type, 0)[0] ?? null;

/** Puts an object where a key of its owner holds it, be that in a list or a map. */
const wrap = (type: string, name: string, value: Json): Json | undefined => {
  for (const one of alternatives(type)) {
    if (one === name) return value;
    if (/^[[{]/.test(one)) {
      const inner = wrap(one.slice(1, -1), name, value);
      if (inner !== undefined) return one.startsWith("[") ? [inner] : { one: inner };
    }
  }
  return undefined;
};

const mentions = (type: string, name: string): boolean => new RegExp(`\\b${name}\\b`).test(type);

/** For each type an owner and the key it stands under; the document itself has none. */
const owners: ReadonlyMap<string, { readonly owner: string; readonly key: string }> = (() => {
  const found = new Map<string, { readonly owner: string; readonly key: string }>();
  const waiting = ["Metadata"];
  for (let owner = waiting.shift(); owner !== undefined; owner = waiting.shift()) {
    for (const [key, type] of typeOf(owner).keys) {
      for (const name of hasuraTypes.keys()) {
        if (name === "Metadata" || found.has(name) || !mentions(type, name)) continue;
        found.set(name, { owner, key });
        waiting.push(name);
      }
    }
  }
  return found;
})();

const withKey = (name: string, key: string, value: Json | undefined): Entry => {
  const { either } = typeOf(name);
  const entry = Object.fromEntries(
    Object.entries(smallest(name)).filter(
      ([other]) => other !== key && !(either.includes(key) && either.includes(other)),
    ),
  );
  return value === undefined ? entry : { ...entry, [key]: value };
};

const collections: Entry = { query_collections: [smallest("QueryCollection")] };

/** The whole document around one object. A REST endpoint is nothing without the query it names. */
const around = (name: string, entry: Entry): Entry => {
  const place = owners.get(name);
  if (place === undefined) return { ...collections, ...entry };
  const type = typeOf(place.owner).keys.get(place.key) ?? "";
  return around(place.owner, withKey(place.owner, place.key, wrap(type, name, entry)));
};

/** A document that is the smallest possible but for one key of one object; undefined takes the key away. */
export const documentWith = (name: string, key: string, value: Json | undefined): Entry =>
  name === "Metadata"
    ? { ...(key === "query_collections" ? {} : collections), ...withKey(name, key, value) }
    : around(name, withKey(name, key, value));
