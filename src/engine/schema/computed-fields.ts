import type { Catalog, ColumnInfo, FunctionInfo } from "../catalog/types.ts";
import { type ComputedFieldMeta, qualifiedKey, type TableMeta } from "../metadata/types.ts";
import { InconsistentMetadataError } from "./errors.ts";
import { isGraphqlName } from "./names.ts";
import type { ResolvedComputedField } from "./types.ts";

type Unchecked = Omit<ResolvedComputedField, "selectable">;

/** The value of a scalar function, described as a column so that comparisons and aggregates treat it as one. */
const asColumn = (name: string, info: FunctionInfo): ColumnInfo => ({
  name,
  type: info.returnType,
  typeSchema: info.returnTypeSchema,
  sqlType: info.returnType,
  position: 0,
  nullable: true,
  hasDefault: false,
  isGenerated: true,
  comment: null,
});

const resolve = (
  table: TableMeta,
  meta: ComputedFieldMeta,
  catalog: Catalog,
  isTracked: (table: string) => boolean,
): Unchecked => {
  const fn = qualifiedKey(meta.function);
  const fail = (reason: string): never => {
    throw new InconsistentMetadataError(
      `computed field ${meta.name} of table ${qualifiedKey(table.table)}`,
      reason,
    );
  };
  const info = catalog.functions.get(fn) ?? fail(`no such function exists: "${fn}"`);
  if (!isGraphqlName(meta.name)) fail(`"${meta.name}" is not a valid GraphQL name`);
  if (info.overloaded) fail(`the function "${fn}" is overloaded`);
  if (info.volatility === "volatile") {
    fail(`the function "${fn}" is of type VOLATILE; cannot be added as a computed field`);
  }
  const rowArgument =
    meta.tableArgument === undefined
      ? 0
      : info.args.findIndex((argument) => argument.name === meta.tableArgument);
  const row = info.args[rowArgument];
  if (row === undefined) return fail(`the function "${fn}" has no argument that takes a row`);
  if (row.type !== table.table.name || row.typeSchema !== table.table.schema) {
    fail(`the argument that takes the row is not of type "${qualifiedKey(table.table)}"`);
  }
  if (meta.sessionArgument !== undefined) {
    const session = info.args.find((argument) => argument.name === meta.sessionArgument);
    if (session === undefined) fail(`the function "${fn}" has no argument "${meta.sessionArgument}"`);
    else if (session.type !== "json") fail(`argument "${meta.sessionArgument}" is not of type json`);
  }
  const inputs = info.args.filter(
    (argument, index) =>
      index !== rowArgument && (argument.name === null || argument.name !== meta.sessionArgument),
  );
  const common = { name: meta.name, meta, info, rowArgument, inputs };
  if (info.returnTable === null) {
    if (info.returnsSet) fail(`the function "${fn}" returns a set of no table`);
    return { ...common, returns: { kind: "scalar", column: asColumn(meta.name, info) } };
  }
  const target = qualifiedKey(info.returnTable);
  if (!info.returnsSet) fail(`the function "${fn}" returns one row; only SETOF is possible`);
  if (!isTracked(target)) {
    fail(`the function "${fn}" returning set of table "${target}" is not tracked or not found in database`);
  }
  return { ...common, returns: { kind: "rows", target } };
};

/** Completes the computed fields of a table with the functions of the catalog. */
export const resolveComputedFields = (
  table: TableMeta,
  catalog: Catalog,
  isTracked: (table: string) => boolean,
  selectable: (field: Unchecked) => boolean,
): ReadonlyMap<string, ResolvedComputedField> =>
  new Map(
    table.computedFields.map((meta) => {
      const field = resolve(table, meta, catalog, isTracked);
      return [meta.name, { ...field, selectable: selectable(field) }];
    }),
  );

/** A permission may only name computed fields that are there. */
export const assertComputedFieldPermissions = (table: TableMeta): void => {
  const known = new Set(table.computedFields.map((field) => field.name));
  for (const [role, { computedFields }] of table.permissions.select) {
    for (const name of computedFields === "*" ? [] : computedFields) {
      if (!known.has(name)) {
        throw new InconsistentMetadataError(
          `table ${qualifiedKey(table.table)}`,
          `select permission of ${role} names computed field "${name}", which does not exist`,
        );
      }
    }
  }
};
