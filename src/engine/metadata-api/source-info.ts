import { z } from "zod";

import type { Catalog } from "../catalog/index.ts";
import { qualifiedKey } from "../metadata/index.ts";
import { json, readArguments, source, tableName } from "./arguments.ts";
import { type Draft, entriesOf, findTable, readName, relationshipKinds, sameName } from "./document.ts";
import { sourceAt } from "./lookup.ts";

const systemSchemas = ["hdb_catalog", "information_schema", "pg_catalog"];

/** What the console asks of a source; read from the database, whether tracked or not. */
export const sourceTables = (document: Draft, catalog: Catalog, args: unknown): unknown => {
  const options = readArguments(z.strictObject({ source }), args);
  sourceAt(document, options.source);
  return [...catalog.tables.values()]
    .filter((table) => !systemSchemas.includes(table.schema))
    .map(({ schema, name }) => ({ schema, name }));
};

export const tableInfo = (document: Draft, catalog: Catalog, args: unknown): unknown => {
  const options = readArguments(z.strictObject({ source, table: tableName }), args);
  sourceAt(document, options.source);
  const table = catalog.tables.get(qualifiedKey(options.table));
  if (table === undefined) return null;
  return {
    name: options.table,
    columns: [...table.columns.values()].map((column) => ({
      name: column.name,
      type: column.type,
      nullable: column.nullable,
      ...(column.comment === null ? {} : { description: column.comment }),
      insertable: !column.isGenerated,
      updatable: !column.isGenerated,
    })),
    primary_key: table.primaryKey?.columns ?? null,
    foreign_keys: table.foreignKeys.map((key) => ({
      constraint_name: key.name,
      foreign_table: key.target,
      column_mapping: Object.fromEntries(
        key.columns.map((column, index) => [column, key.targetColumns[index] ?? column]),
      ),
    })),
    insertable: table.insertable,
    updatable: table.updatable,
    deletable: table.deletable,
  };
};

const suggestOptions = z.strictObject({
  source,
  tables: z.array(tableName).nullish(),
  omit_tracked: z.boolean().default(false),
  version: json,
});

const sameSet = (one: readonly string[], other: readonly string[]): boolean =>
  one.length === other.length && one.every((item) => other.includes(item));

/** Relationships that the foreign keys between tracked tables offer, from both of their ends. */
export const suggestedRelationships = (document: Draft, catalog: Catalog, args: unknown): unknown => {
  const options = readArguments(suggestOptions, args);
  const owner = sourceAt(document, options.source);
  const tracked = entriesOf(owner["tables"]).map((entry) => readName(entry["table"]));
  const wanted = (name: { schema: string; name: string }): boolean =>
    tracked.some((table) => sameName(table, name)) &&
    (options.tables === null ||
      options.tables === undefined ||
      options.tables.some((table) => sameName(table, name)));
  const uses = (
    table: { schema: string; name: string },
    columns: readonly string[],
    remote: boolean,
  ): boolean =>
    relationshipKinds
      .flatMap((kind) => entriesOf(findTable(owner, table)?.[`${kind}_relationships`]))
      .some((relationship) => {
        const using = relationship["using"] as Record<string, unknown> | undefined;
        const key = using?.["foreign_key_constraint_on"];
        const far = typeof key === "object" && key !== null && !Array.isArray(key);
        const named = far ? [Reflect.get(key, "columns") ?? Reflect.get(key, "column")].flat() : [key].flat();
        return far === remote && sameSet(named.map(String), columns);
      });
  const relationships = tracked.flatMap((name) => {
    const table = catalog.tables.get(qualifiedKey(name));
    return (table?.foreignKeys ?? []).flatMap((key) => {
      const to = { table: key.target, columns: key.targetColumns };
      const from = { table: name, columns: key.columns, constraint_name: key.name };
      const unique = [table?.primaryKey, ...(table?.uniqueConstraints ?? [])].some(
        (constraint) => constraint !== undefined && sameSet(constraint.columns, key.columns),
      );
      const found: unknown[] = [];
      if (wanted(name) && !(options.omit_tracked && uses(name, key.columns, false))) {
        found.push({ type: "object", from, to });
      }
      if (wanted(key.target) && !(options.omit_tracked && uses(key.target, key.columns, true))) {
        found.push({ type: unique ? "object" : "array", from: to, to: from });
      }
      return found;
    });
  });
  return { relationships };
};
