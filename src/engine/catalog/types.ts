export interface ColumnInfo {
  readonly name: string;
  /** The `udt` name: `int8`, `uuid`, `_text`; a type outside pg_catalog keeps this bare name too. */
  readonly type: string;
  /** The type was made by `create type … as enum`. */
  readonly isEnumType?: boolean;
  /** Schema of the type, so that casts are unambiguous. */
  readonly typeSchema: string;
  /** The type as SQL writes it, with its modifier: `character varying(20)`, `bigint[]`. */
  readonly sqlType: string;
  readonly position: number;
  readonly nullable: boolean;
  readonly hasDefault: boolean;
  /** Generated always, stored or identity: never written by a client. */
  readonly isGenerated: boolean;
  readonly comment: string | null;
}

export interface KeyInfo {
  readonly name: string;
  readonly columns: readonly string[];
}

export interface ForeignKeyInfo extends KeyInfo {
  readonly target: { readonly schema: string; readonly name: string };
  readonly targetColumns: readonly string[];
}

export interface TableInfo {
  readonly schema: string;
  readonly name: string;
  readonly kind: "table" | "view" | "materialized";
  readonly columns: ReadonlyMap<string, ColumnInfo>;
  readonly primaryKey?: KeyInfo;
  readonly uniqueConstraints: readonly KeyInfo[];
  readonly foreignKeys: readonly ForeignKeyInfo[];
  readonly comment: string | null;
  /** What Postgres lets a client do with a view; always true for tables, false for materialized views. */
  readonly insertable: boolean;
  readonly updatable: boolean;
  readonly deletable: boolean;
}

export interface FunctionArgument {
  /** Null when the function leaves the argument unnamed. */
  readonly name: string | null;
  readonly type: string;
  readonly typeSchema: string;
  readonly sqlType: string;
  /** A row type: its GraphQL scalar must not take the name of the table's object type. */
  readonly isRow: boolean;
  readonly hasDefault: boolean;
}

export interface FunctionInfo {
  readonly schema: string;
  readonly name: string;
  readonly volatility: "immutable" | "stable" | "volatile";
  readonly returnsSet: boolean;
  /** The `udt` name of what comes back, a domain as the type it is built on. */
  readonly returnType: string;
  readonly returnTypeSchema: string;
  readonly returnTable: { readonly schema: string; readonly name: string } | null;
  /** Input arguments in order. */
  readonly args: readonly FunctionArgument[];
  readonly comment: string | null;
  /** More than one function has this name; such a function cannot be tracked. */
  readonly overloaded: boolean;
}

export interface EnumValue {
  readonly value: string;
  readonly comment: string | null;
}

export interface Catalog {
  /** By `schema.name`. */
  readonly tables: ReadonlyMap<string, TableInfo>;
  readonly functions: ReadonlyMap<string, FunctionInfo>;
  /** Rows of the tables tracked as enums, by `schema.name`. */
  readonly enumValues: ReadonlyMap<string, readonly EnumValue[]>;
}
