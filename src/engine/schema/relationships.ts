import type { Catalog, ForeignKeyInfo, TableInfo } from "../catalog/types.ts";
import { type QualifiedName, qualifiedKey, type RelMeta, type TableMeta } from "../metadata/types.ts";
import { InconsistentMetadataError } from "./errors.ts";
import type { ResolvedRelationship } from "./types.ts";

type Relationship = Omit<ResolvedRelationship, "selectable">;
type Mapping = ResolvedRelationship["mapping"];

const sameColumns = (one: readonly string[], other: readonly string[]): boolean =>
  one.length === other.length && one.every((column) => other.includes(column));

const findForeignKey = (
  table: TableInfo,
  columns: readonly string[],
  target: QualifiedName | undefined,
  fail: (reason: string) => never,
): ForeignKeyInfo => {
  const found = table.foreignKeys.filter(
    (key) =>
      sameColumns(key.columns, columns) &&
      (target === undefined || qualifiedKey(key.target) === qualifiedKey(target)),
  );
  if (found.length > 1) {
    return fail(`several foreign keys stand on ${columns.join(", ")} of ${qualifiedKey(table)}`);
  }
  return found[0] ?? fail(`no foreign key stands on ${columns.join(", ")} of ${qualifiedKey(table)}`);
};

const pairs = (from: readonly string[], to: readonly string[]): Mapping =>
  from.map((column, index) => ({ from: column, to: to[index] ?? column }));

/** Completes a relationship of the metadata with the foreign keys of the catalog. */
export const resolveRelationship = (
  meta: TableMeta,
  info: TableInfo,
  rel: RelMeta,
  kind: "object" | "array",
  catalog: Catalog,
  tracked: ReadonlySet<string>,
): Relationship => {
  const fail = (reason: string): never => {
    throw new InconsistentMetadataError(
      `relationship ${rel.name} of table ${qualifiedKey(meta.table)}`,
      reason,
    );
  };
  const tableAt = (name: QualifiedName): TableInfo =>
    (tracked.has(qualifiedKey(name)) ? catalog.tables.get(qualifiedKey(name)) : undefined) ??
    fail(`table ${qualifiedKey(name)} is not tracked`);

  if (rel.kind === "manual") {
    const target = tableAt(rel.remoteTable);
    const mapping = [...rel.mapping].map(([from, to]) => ({ from, to }));
    for (const { from, to } of mapping) {
      if (!info.columns.has(from)) {
        fail(`column ${from} does not exist`);
      }
      if (!target.columns.has(to)) {
        fail(`column ${to} does not exist in ${qualifiedKey(target)}`);
      }
    }
    return {
      name: rel.name,
      kind,
      target: qualifiedKey(rel.remoteTable),
      mapping,
      nullable: true,
      insertBefore: kind === "object" && rel.insertionOrder === "before_parent",
    };
  }
  if (rel.remote !== undefined) {
    const remote = tableAt(rel.remote.table);
    const key = findForeignKey(remote, rel.remote.columns, meta.table, fail);
    return {
      name: rel.name,
      kind,
      target: qualifiedKey(rel.remote.table),
      mapping: pairs(key.targetColumns, key.columns),
      nullable: true,
      insertBefore: false,
    };
  }
  if (kind === "array") {
    return fail("an array relationship needs the table and column of the foreign key");
  }
  const key = findForeignKey(info, rel.columns ?? [], undefined, fail);
  tableAt(key.target);
  return {
    name: rel.name,
    kind,
    target: qualifiedKey(key.target),
    mapping: pairs(key.columns, key.targetColumns),
    nullable: key.columns.some((column) => info.columns.get(column)?.nullable ?? true),
    insertBefore: true,
  };
};
