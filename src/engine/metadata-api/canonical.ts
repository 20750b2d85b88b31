import { type Draft, type Entry, entriesOf, isEntry, readName } from "./document.ts";

/** Hasura takes the one column under either name. */
const foreignKey = ({ columns, ...key }: Entry): Entry => ({
  ...key,
  table: readName(key["table"]),
  ...(columns === undefined ? {} : typeof columns === "string" ? { column: columns } : { columns }),
});

const relationship = (entry: Entry): Entry => {
  const using = isEntry(entry["using"]) ? entry["using"] : {};
  const key = using["foreign_key_constraint_on"];
  const manual = using["manual_configuration"];
  return {
    ...entry,
    using: {
      ...using,
      ...(isEntry(key) && key["table"] !== undefined ? { foreign_key_constraint_on: foreignKey(key) } : {}),
      ...(isEntry(manual) && manual["remote_table"] !== undefined
        ? { manual_configuration: { ...manual, remote_table: readName(manual["remote_table"]) } }
        : {}),
    },
  };
};

const mapped = (owner: Entry, key: string, change: (entry: Entry) => Entry): Entry =>
  Array.isArray(owner[key])
    ? { [key]: owner[key].map((entry) => (isEntry(entry) ? change(entry) : entry)) }
    : {};

const table = (entry: Entry): Entry => ({
  ...entry,
  ...(entry["table"] === undefined ? {} : { table: readName(entry["table"]) }),
  ...mapped(entry, "object_relationships", relationship),
  ...mapped(entry, "array_relationships", relationship),
});

const fn = (entry: Entry): Entry => ({
  ...entry,
  ...(entry["function"] === undefined ? {} : { function: readName(entry["function"]) }),
});

export const canonicalRelationship = relationship;

/** The document with every name of a table or function as `{schema, name}`, as Hasura exports it. */
export const canonicalDocument = (document: unknown): Draft => {
  const entry: Entry = isEntry(document) ? structuredClone(document) : {};
  const sources = entriesOf(entry["sources"]).map((source) => ({
    ...source,
    ...mapped(source, "tables", table),
    ...mapped(source, "functions", fn),
  }));
  return {
    ...entry,
    version: typeof entry["version"] === "number" ? entry["version"] : 3,
    sources: Array.isArray(entry["sources"]) ? sources : (entry["sources"] as Entry[]),
  };
};
