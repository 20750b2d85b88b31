import type { Catalog } from "../catalog/index.ts";
import { type QualifiedName, qualifiedKey } from "../metadata/index.ts";
import { relationshipTarget } from "./dependents.ts";
import {
  type Draft,
  type Entry,
  entriesOf,
  findTable,
  isEntry,
  permissionKinds,
  readName,
  relationshipKinds,
  sameName,
} from "./document.ts";

export interface ColumnRename {
  readonly table: QualifiedName;
  readonly from: string;
  readonly to: string;
}

const renamed = (value: unknown, from: string, to: string): unknown =>
  Array.isArray(value)
    ? value.map((item: unknown) => (item === from ? to : item))
    : value === from
      ? to
      : value;

const renameKey = (owner: unknown, from: string, to: string): unknown =>
  isEntry(owner)
    ? Object.fromEntries(Object.entries(owner).map(([key, value]) => [key === from ? to : key, value]))
    : owner;

const usingOf = (relationship: Entry): Entry => (isEntry(relationship["using"]) ? relationship["using"] : {});

const relationshipsOf = (table: Entry): readonly Entry[] =>
  relationshipKinds.flatMap((kind) => entriesOf(table[`${kind}_relationships`]));

const targetOf = (catalog: Catalog, table: QualifiedName, relationship: Entry): QualifiedName | undefined => {
  const stated = relationshipTarget(relationship);
  if (stated !== undefined) return stated;
  const columns = [usingOf(relationship)["foreign_key_constraint_on"]].flat().map(String);
  return catalog.tables
    .get(qualifiedKey(table))
    ?.foreignKeys.find((key) => key.columns.join() === columns.join())?.target;
};

const connectives = ["_and", "_or", "_not", "$and", "$or", "$not"];

/** A boolean expression over `table` in which the column has its new name, also where it is reached through others. */
const inExpression = (
  draft: Draft,
  before: Catalog,
  source: Entry,
  table: QualifiedName,
  expression: unknown,
  rename: ColumnRename,
): unknown => {
  const go = (at: QualifiedName, value: unknown): unknown =>
    inExpression(draft, before, source, at, value, rename);
  if (Array.isArray(expression)) return expression.map((item) => go(table, item));
  if (!isEntry(expression)) return expression;
  return Object.fromEntries(
    Object.entries(expression).map(([key, value]): [string, unknown] => {
      if (connectives.includes(key)) return [key, go(table, value)];
      if (key === "_exists" && isEntry(value)) {
        return [key, { ...value, _where: go(readName(value["_table"]), value["_where"]) }];
      }
      const relationship = relationshipsOf(findTable(source, table) ?? {}).find(({ name }) => name === key);
      const target = relationship && targetOf(before, table, relationship);
      if (target !== undefined) return [key, go(target, value)];
      return [sameName(table, rename.table) && key === rename.from ? rename.to : key, value];
    }),
  );
};

const inPermissions = (
  draft: Draft,
  before: Catalog,
  source: Entry,
  entry: Entry,
  rename: ColumnRename,
): void => {
  const table = readName(entry["table"]);
  for (const kind of permissionKinds) {
    for (const item of entriesOf(entry[`${kind}_permissions`])) {
      const permission = isEntry(item["permission"]) ? item["permission"] : {};
      for (const key of ["filter", "check"]) {
        if (permission[key] !== undefined) {
          permission[key] = inExpression(draft, before, source, table, permission[key], rename);
        }
      }
      if (sameName(table, rename.table)) {
        if (permission["columns"] !== undefined) {
          permission["columns"] = renamed(permission["columns"], rename.from, rename.to);
        }
        if (permission["set"] !== undefined)
          permission["set"] = renameKey(permission["set"], rename.from, rename.to);
      }
    }
  }
};

const inRelationship = (table: QualifiedName, relationship: Entry, rename: ColumnRename): void => {
  const using = usingOf(relationship);
  const key = using["foreign_key_constraint_on"];
  const manual = using["manual_configuration"];
  const own = sameName(table, rename.table);
  if (isEntry(manual)) {
    if (own) manual["column_mapping"] = renameKey(manual["column_mapping"], rename.from, rename.to);
    if (sameName(readName(manual["remote_table"]), rename.table) && isEntry(manual["column_mapping"])) {
      manual["column_mapping"] = Object.fromEntries(
        Object.entries(manual["column_mapping"]).map(([from, to]) => [
          from,
          renamed(to, rename.from, rename.to),
        ]),
      );
    }
  } else if (isEntry(key)) {
    if (!sameName(readName(key["table"]), rename.table)) return;
    for (const name of ["column", "columns"]) {
      if (key[name] !== undefined) key[name] = renamed(key[name], rename.from, rename.to);
    }
  } else if (own) {
    using["foreign_key_constraint_on"] = renamed(key, rename.from, rename.to);
  }
};

const inSettings = (entry: Entry, rename: ColumnRename): void => {
  const configuration = entry["configuration"];
  if (isEntry(configuration)) {
    for (const key of ["column_config", "custom_column_names"]) {
      if (configuration[key] !== undefined) {
        configuration[key] = renameKey(configuration[key], rename.from, rename.to);
      }
    }
  }
  for (const trigger of entriesOf(entry["event_triggers"])) {
    const definition = isEntry(trigger["definition"]) ? trigger["definition"] : {};
    for (const operation of ["insert", "update", "delete"]) {
      const spec = definition[operation];
      if (!isEntry(spec)) continue;
      for (const key of ["columns", "payload"]) {
        if (spec[key] !== undefined) spec[key] = renamed(spec[key], rename.from, rename.to);
      }
    }
  }
};

/** Gives a column that the SQL renamed its new name wherever the metadata means it. */
export const followColumnRename = (draft: Draft, before: Catalog, rename: ColumnRename): void => {
  for (const source of draft.sources) {
    const tables = entriesOf(source["tables"]);
    // Boolean expressions first: they are read with the relationships as they were.
    for (const entry of tables) inPermissions(draft, before, source, entry, rename);
    for (const entry of tables) {
      const table = readName(entry["table"]);
      for (const relationship of relationshipsOf(entry)) inRelationship(table, relationship, rename);
      if (sameName(table, rename.table)) inSettings(entry, rename);
    }
  }
};

const tablesIn = (value: unknown, from: QualifiedName, to: QualifiedName): unknown => {
  if (Array.isArray(value)) return value.map((item) => tablesIn(item, from, to));
  if (!isEntry(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => {
      const names = ["table", "remote_table", "_table", "$table"].includes(key);
      const same = names && (typeof inner === "string" || isEntry(inner)) && sameName(readName(inner), from);
      return [key, same ? { ...to } : tablesIn(inner, from, to)];
    }),
  );
};

/** Gives a table that the SQL renamed or moved its new name wherever the metadata means it. */
export const followTableRename = (draft: Draft, from: QualifiedName, to: QualifiedName): void => {
  for (const source of draft.sources) {
    if (Array.isArray(source["tables"])) source["tables"] = tablesIn(source["tables"], from, to);
  }
  if (draft["custom_types"] !== undefined) draft["custom_types"] = tablesIn(draft["custom_types"], from, to);
};
