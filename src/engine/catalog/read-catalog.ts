import type { Queryable } from "../../core/index.ts";
import { constraintsQuery, enumValuesQuery, functionsQuery, relationsQuery } from "./queries.ts";
import type {
  Catalog,
  ColumnInfo,
  EnumValue,
  ForeignKeyInfo,
  FunctionArgument,
  FunctionInfo,
  KeyInfo,
  TableInfo,
} from "./types.ts";

interface RelationRow {
  readonly schema: string;
  readonly name: string;
  readonly kind: TableInfo["kind"];
  readonly comment: string | null;
  readonly writable: number;
  readonly columns: readonly ColumnInfo[];
}

interface ConstraintRow {
  readonly schema: string;
  readonly table: string;
  readonly name: string;
  readonly kind: "p" | "u" | "f";
  readonly columns: readonly string[];
  readonly target: { readonly schema: string; readonly name: string } | null;
  readonly targetColumns: readonly string[] | null;
}

interface FunctionRow {
  readonly schema: string;
  readonly name: string;
  readonly volatility: FunctionInfo["volatility"];
  readonly returnsSet: boolean;
  readonly returnType: string;
  readonly returnTypeSchema: string;
  readonly returnTable: { readonly schema: string; readonly name: string } | null;
  readonly args: readonly FunctionArgument[];
  readonly comment: string | null;
  readonly overloaded: boolean;
}

/** Bits of pg_relation_is_updatable. */
const canUpdate = 4;
const canInsert = 8;
const canDelete = 16;

interface Keys {
  primaryKey?: KeyInfo;
  readonly unique: KeyInfo[];
  readonly foreign: ForeignKeyInfo[];
}

const groupConstraints = (rows: readonly ConstraintRow[]): ReadonlyMap<string, Keys> => {
  const result = new Map<string, Keys>();
  for (const row of rows) {
    const key = `${row.schema}.${row.table}`;
    const keys = result.get(key) ?? { unique: [], foreign: [] };
    result.set(key, keys);
    const info: KeyInfo = { name: row.name, columns: row.columns };
    if (row.kind === "p") {
      keys.primaryKey = info;
    } else if (row.kind === "u") {
      keys.unique.push(info);
    } else if (row.target !== null) {
      keys.foreign.push({ ...info, target: row.target, targetColumns: row.targetColumns ?? [] });
    }
  }
  return result;
};

const toTable = (row: RelationRow, keys: Keys | undefined): TableInfo => ({
  schema: row.schema,
  name: row.name,
  kind: row.kind,
  columns: new Map(row.columns.map((column) => [column.name, column])),
  ...(keys?.primaryKey === undefined ? {} : { primaryKey: keys.primaryKey }),
  uniqueConstraints: keys?.unique ?? [],
  foreignKeys: keys?.foreign ?? [],
  comment: row.comment,
  insertable: row.kind === "table" || (row.writable & canInsert) !== 0,
  updatable: row.kind === "table" || (row.writable & canUpdate) !== 0,
  deletable: row.kind === "table" || (row.writable & canDelete) !== 0,
});

const quote = (name: string): string => `"${name.replaceAll('"', '""')}"`;

const readEnum = async (db: Queryable, table: TableInfo): Promise<readonly EnumValue[]> => {
  const columns = [...table.columns.keys()];
  const key = table.primaryKey?.columns[0] ?? columns[0];
  if (key === undefined) {
    return [];
  }
  const comment = columns.find((column) => column !== key);
  return db.query<EnumValue>(
    enumValuesQuery({
      table: `${quote(table.schema)}.${quote(table.name)}`,
      value: quote(key),
      comment: comment === undefined ? null : quote(comment),
    }),
  );
};

export interface ReadCatalogOptions {
  /** Tables whose rows are read as the values of an enum. */
  readonly enumTables?: readonly { readonly schema: string; readonly name: string }[];
}

/** One round of pg_catalog queries; information_schema takes ten times as long. */
export const readCatalog = async (db: Queryable, options: ReadCatalogOptions = {}): Promise<Catalog> => {
  const [relations, constraints, functions] = await Promise.all([
    db.query<RelationRow>(relationsQuery),
    db.query<ConstraintRow>(constraintsQuery),
    db.query<FunctionRow>(functionsQuery),
  ]);
  const keys = groupConstraints(constraints);
  const tables = new Map(
    relations.map((row) => {
      const key = `${row.schema}.${row.name}`;
      return [key, toTable(row, keys.get(key))];
    }),
  );
  const enumValues = new Map<string, readonly EnumValue[]>();
  for (const name of options.enumTables ?? []) {
    const key = `${name.schema}.${name.name}`;
    const table = tables.get(key);
    if (table !== undefined) {
      enumValues.set(key, await readEnum(db, table));
    }
  }
  return {
    tables,
    functions: new Map(functions.map((row) => [`${row.schema}.${row.name}`, row])),
    enumValues,
  };
};
