import { NumberLiteral } from "../json/index.ts";
import type { QualifiedName } from "../metadata/index.ts";

/** A part of the metadata document as JSON. */
export interface Entry {
  [key: string]: unknown;
}

/**
 * The metadata document while a command changes a copy of it. Its parts stay plain JSON: what a key means is decided by
 * the reader of metadata alone, so that a command cannot let a key through that the engine would not carry out.
 */
export interface Draft extends Entry {
  version: number;
  sources: Entry[];
}

export const isEntry = (value: unknown): value is Entry =>
  typeof value === "object" && value !== null && !Array.isArray(value);

export const entriesOf = (value: unknown): readonly Entry[] =>
  Array.isArray(value) ? value.filter(isEntry) : [];

/** The list under `key`, made when it is missing, so that a command may push to it. */
export const listAt = (owner: Entry, key: string): Entry[] => {
  const present = owner[key];
  if (Array.isArray(present)) return present as Entry[];
  const made: Entry[] = [];
  owner[key] = made;
  return made;
};

/** Takes an entry out of a list; an empty list goes with it, as in Hasura's exports. */
export const removeAt = (owner: Entry, key: string, found: (entry: Entry) => boolean): Entry | undefined => {
  const list = listAt(owner, key);
  const index = list.findIndex(found);
  const [removed] = index < 0 ? [] : list.splice(index, 1);
  if (list.length === 0) Reflect.deleteProperty(owner, key);
  return removed;
};

/** Numbers as JavaScript has them: what a document would lose by that, the reader of metadata refuses. */
export const plainNumbers = (value: unknown): unknown => {
  if (value instanceof NumberLiteral) return Number(value.text);
  if (Array.isArray(value)) return value.map(plainNumbers);
  if (!isEntry(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plainNumbers(item)]));
};

/** A name as metadata spells it: `"users"` or `{schema, name}`. */
export const readName = (value: unknown): QualifiedName => {
  if (typeof value === "string") return { schema: "public", name: value };
  const entry = isEntry(value) ? value : {};
  return {
    schema: typeof entry["schema"] === "string" ? entry["schema"] : "public",
    name: typeof entry["name"] === "string" ? entry["name"] : "",
  };
};

export const sameName = (one: QualifiedName, other: QualifiedName): boolean =>
  one.schema === other.schema && one.name === other.name;

/** As Hasura writes names into messages: the schema only when it is not public. */
export const shortName = (name: QualifiedName): string =>
  name.schema === "public" ? name.name : `${name.schema}.${name.name}`;

export const findTable = (source: Entry, name: QualifiedName): Entry | undefined =>
  entriesOf(source["tables"]).find((entry) => sameName(readName(entry["table"]), name));

export const findFunction = (source: Entry, name: QualifiedName): Entry | undefined =>
  entriesOf(source["functions"]).find((entry) => sameName(readName(entry["function"]), name));

export const named =
  (name: unknown) =>
  (entry: Entry): boolean =>
    entry["name"] === name;

/** Without the keys that are null or undefined: Hasura's exports leave them out. */
export const defined = (entry: Entry): Entry =>
  Object.fromEntries(Object.entries(entry).filter(([, value]) => value !== null && value !== undefined));

export const permissionKinds = ["select", "insert", "update", "delete"] as const;
export type PermissionKind = (typeof permissionKinds)[number];

export const relationshipKinds = ["object", "array"] as const;
export type RelationshipKind = (typeof relationshipKinds)[number];
