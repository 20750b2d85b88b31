import type { ColumnInfo } from "../catalog/types.ts";

/** Quotes an identifier. */
export const ident = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** Quotes a constant that belongs to the statement's shape: response keys and type names, never a value of a client. */
export const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`;

export const qualified = (name: { readonly schema: string; readonly name: string }): string =>
  `${ident(name.schema)}.${ident(name.name)}`;

/** Type of a column without its modifier: a cast to `varchar(3)` would cut silently where an assignment refuses. */
export const typeOf = (column: Pick<ColumnInfo, "type" | "typeSchema">): string =>
  column.typeSchema === "pg_catalog"
    ? ident(column.type)
    : `${ident(column.typeSchema)}.${ident(column.type)}`;

/** Type of a list of the column's values. */
export const listTypeOf = (column: Pick<ColumnInfo, "type" | "typeSchema">): string => `${typeOf(column)}[]`;
