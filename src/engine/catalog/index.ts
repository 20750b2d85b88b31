/** Reads what the database holds: tables, views, keys and functions. Knows nothing of metadata or GraphQL. */
export { readCatalog } from "./read-catalog.ts";
export type {
  Catalog,
  ColumnInfo,
  EnumValue,
  ForeignKeyInfo,
  FunctionArgument,
  FunctionInfo,
  KeyInfo,
  TableInfo,
} from "./types.ts";
