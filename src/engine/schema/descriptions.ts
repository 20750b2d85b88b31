import type { ColumnInfo } from "../catalog/types.ts";
import { displayName } from "./names.ts";
import type { ResolvedComputedField, RoleTable } from "./types.ts";

/** The metadata's comment wins over the database's. */
export const columnDescription = (table: RoleTable, column: ColumnInfo): string | null =>
  table.meta.columnConfig.get(column.name)?.comment ?? column.comment;

export const tableDescription = (table: RoleTable): string =>
  table.meta.comment ??
  table.info.comment ??
  `columns and relationships of "${displayName(table.meta.table)}"`;

export const computedFieldDescription = ({ meta, info }: ResolvedComputedField): string =>
  meta.comment ?? info.comment ?? `A computed field, executes function "${displayName(info)}"`;
