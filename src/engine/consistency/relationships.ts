import type { Catalog, ForeignKeyInfo } from "../catalog/index.ts";
import { type QualifiedName, qualifiedKey } from "../metadata/index.ts";
import {
  type Entry,
  findTable,
  isEntry,
  readName,
  relationshipKinds,
  sameName,
  shortName,
} from "../metadata-api/document.ts";
import { objectNames } from "../metadata-api/lookup.ts";
import { type Findings, keepIf } from "./inconsistency.ts";

const sameColumns = (one: readonly string[], other: readonly string[]): boolean =>
  one.length === other.length && one.every((column) => other.includes(column));

const columnsOf = (value: unknown): readonly string[] =>
  [value]
    .flat()
    .filter((item) => item !== undefined)
    .map(String);

const foreignKeys = (
  catalog: Catalog,
  table: QualifiedName,
  columns: readonly string[],
  target?: QualifiedName,
): readonly ForeignKeyInfo[] =>
  (catalog.tables.get(qualifiedKey(table))?.foreignKeys ?? []).filter(
    (key) => sameColumns(key.columns, columns) && (target === undefined || sameName(key.target, target)),
  );

const parts = (relationship: Entry): { readonly key: unknown; readonly manual: unknown } => {
  const using = isEntry(relationship["using"]) ? relationship["using"] : {};
  return { key: using["foreign_key_constraint_on"], manual: using["manual_configuration"] };
};

const remoteColumns = (key: Entry): readonly string[] => columnsOf(key["columns"] ?? key["column"]);

/** The table a relationship leads to; undefined when its foreign key is gone. */
export const targetOf = (
  catalog: Catalog,
  table: QualifiedName,
  relationship: Entry,
): QualifiedName | undefined => {
  const { key, manual } = parts(relationship);
  if (isEntry(manual)) return readName(manual["remote_table"]);
  if (isEntry(key)) return readName(key["table"]);
  return foreignKeys(catalog, table, columnsOf(key))[0]?.target;
};

const faultOf = (
  source: Entry,
  catalog: Catalog,
  table: QualifiedName,
  relationship: Entry,
): string | undefined => {
  const name = String(relationship["name"]);
  if (catalog.tables.get(qualifiedKey(table))?.columns.has(name) === true) {
    return "field definition conflicts with postgres column";
  }
  const { key, manual } = parts(relationship);
  const target = targetOf(catalog, table, relationship);
  if (!isEntry(manual)) {
    const found = isEntry(key)
      ? foreignKeys(catalog, readName(key["table"]), remoteColumns(key), table)
      : foreignKeys(catalog, table, columnsOf(key));
    const absent = isEntry(key) && !catalog.tables.has(qualifiedKey(readName(key["table"])));
    if (found.length === 0 && !absent) return "no foreign constraint exists on the given column(s)";
    if (found.length > 1) return "more than one foreign key constraint exists on the given column(s)";
  }
  if (target === undefined || findTable(source, target) === undefined) {
    return `table "${target === undefined ? "" : shortName(target)}" is not tracked`;
  }
  if (isEntry(manual) && isEntry(manual["column_mapping"])) {
    for (const [from, to] of Object.entries(manual["column_mapping"])) {
      for (const [owner, column] of [
        [table, from],
        [target, String(to)],
      ] as const) {
        if (catalog.tables.get(qualifiedKey(owner))?.columns.has(column) !== true) {
          return `"${column}" does not exist`;
        }
      }
    }
  }
  return undefined;
};

/** Relationships without a foreign key, or into tables that are not tracked. */
export const checkRelationships = (
  findings: Findings,
  source: Entry,
  catalog: Catalog,
  entry: Entry,
): void => {
  const table = readName(entry["table"]);
  const sourceName = String(source["name"]);
  for (const kind of relationshipKinds) {
    keepIf(entry, `${kind}_relationships`, (relationship) => {
      const fault = faultOf(source, catalog, table, relationship);
      if (fault === undefined) return true;
      const name = String(relationship["name"]);
      findings.object(
        `${kind}_relation`,
        objectNames.tableObject(`${kind}_relation`, name, table, sourceName),
        `in table "${shortName(table)}": in relationship "${name}": ${fault}`,
        { ...relationship, comment: relationship["comment"] ?? null, source: sourceName, table },
      );
      return false;
    });
  }
};
