import type { FunctionMeta, QualifiedName, TableMeta, TableRootField } from "../metadata/types.ts";

const graphqlNamePattern = /^[_A-Za-z][_0-9A-Za-z]*$/u;

export const isGraphqlName = (name: string): boolean => graphqlNamePattern.test(name);

/** Schema public is silent, any other stands in front: `usage_alerts`. */
const defaultName = (name: QualifiedName): string =>
  name.schema === "public" ? name.name : `${name.schema}_${name.name}`;

export const tableName = (meta: TableMeta): string => meta.customName ?? defaultName(meta.table);

const rootPatterns: Readonly<Record<TableRootField, (name: string) => string>> = {
  select: (name) => name,
  select_by_pk: (name) => `${name}_by_pk`,
  select_aggregate: (name) => `${name}_aggregate`,
  select_stream: (name) => `${name}_stream`,
  insert: (name) => `insert_${name}`,
  insert_one: (name) => `insert_${name}_one`,
  update: (name) => `update_${name}`,
  update_by_pk: (name) => `update_${name}_by_pk`,
  update_many: (name) => `update_${name}_many`,
  delete: (name) => `delete_${name}`,
  delete_by_pk: (name) => `delete_${name}_by_pk`,
};

export const rootFieldName = (meta: TableMeta, root: TableRootField): string =>
  meta.customRootFields[root]?.name ?? rootPatterns[root](tableName(meta));

export const functionName = (meta: FunctionMeta): string => meta.customName ?? defaultName(meta.function);

export const functionRootName = (meta: FunctionMeta, root: "function" | "function_aggregate"): string =>
  meta.customRootFields[root]?.name ??
  (root === "function" ? functionName(meta) : `${functionName(meta)}_aggregate`);

export const columnName = (meta: TableMeta, column: string): string =>
  meta.columnConfig.get(column)?.customName ?? column;

/** As Hasura quotes a table in descriptions. */
export const displayName = (name: QualifiedName): string =>
  name.schema === "public" ? name.name : `${name.schema}.${name.name}`;
