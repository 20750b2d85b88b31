import type { Catalog, ColumnInfo, TableInfo } from "../catalog/types.ts";
import {
  type ColumnSet,
  type DeletePermission,
  type InsertPermission,
  type Metadata,
  qualifiedKey,
  type SelectPermission,
  type TableMeta,
  type UpdatePermission,
} from "../metadata/types.ts";
import { assertComputedFieldPermissions, resolveComputedFields } from "./computed-fields.ts";
import { InconsistentMetadataError } from "./errors.ts";
import { isGraphqlName } from "./names.ts";
import { type Naming, namingOf } from "./naming.ts";
import { resolveRelationship } from "./relationships.ts";
import { type ResolvedRelationship, type RoleTable, tableType } from "./types.ts";

export const adminRole = "admin";

const adminSelect: SelectPermission = {
  columns: "*",
  computedFields: "*",
  filter: {},
  allowAggregations: true,
};
const adminInsert: InsertPermission = { columns: "*", check: {}, set: {}, backendOnly: false };
const adminUpdate: UpdatePermission = { columns: "*", filter: {}, check: null, set: {}, backendOnly: false };
const adminDelete: DeletePermission = { filter: {}, backendOnly: false };

interface Permissions {
  readonly select?: SelectPermission;
  readonly insert?: InsertPermission;
  readonly update?: UpdatePermission;
  readonly delete?: DeletePermission;
}

const permissionsOf = (meta: TableMeta, info: TableInfo, role: string, backendOnly: boolean): Permissions => {
  const admin = role === adminRole;
  const usable = <P extends { readonly backendOnly: boolean }>(permission: P | undefined): P | undefined =>
    permission?.backendOnly === true && !backendOnly ? undefined : permission;
  const select = admin ? adminSelect : meta.permissions.select.get(role);
  const insert = admin ? adminInsert : usable(meta.permissions.insert.get(role));
  const update = admin ? adminUpdate : usable(meta.permissions.update.get(role));
  const remove = admin ? adminDelete : usable(meta.permissions.delete.get(role));
  return {
    ...(select === undefined ? {} : { select }),
    // A view that takes no rows still stands in nested inserts, as in Hasura: Postgres refuses them.
    ...(insert === undefined ? {} : { insert }),
    ...(update === undefined || !info.updatable ? {} : { update }),
    ...(remove === undefined || !info.deletable ? {} : { delete: remove }),
  };
};

const allowed = (columns: ColumnSet | undefined, name: string): boolean =>
  columns !== undefined && (columns === "*" || columns.includes(name));

const pick = (
  all: ReadonlyMap<string, ColumnInfo>,
  columns: ColumnSet | undefined,
  without: Readonly<Record<string, unknown>> = {},
): ReadonlyMap<string, ColumnInfo> =>
  new Map(
    [...all].filter(([, column]) => allowed(columns, column.name) && !Object.hasOwn(without, column.name)),
  );

/** Every column that the metadata names must exist: a rule on a renamed column must not fall away. */
const assertColumns = (meta: TableMeta, info: TableInfo): void => {
  const check = (where: string, columns: ColumnSet): void => {
    for (const column of columns === "*" ? [] : columns) {
      if (!info.columns.has(column)) {
        throw new InconsistentMetadataError(
          `table ${qualifiedKey(meta.table)}`,
          `${where} names column "${column}", which does not exist`,
        );
      }
    }
  };
  check("column_config", [...meta.columnConfig.keys()]);
  for (const [role, permission] of meta.permissions.select) {
    check(`select permission of ${role}`, permission.columns);
  }
  for (const [role, permission] of meta.permissions.insert) {
    check(`insert permission of ${role}`, permission.columns);
    check(`insert permission of ${role}`, Object.keys(permission.set));
  }
  for (const [role, permission] of meta.permissions.update) {
    check(`update permission of ${role}`, permission.columns);
    check(`update permission of ${role}`, Object.keys(permission.set));
  }
};

const graphqlColumns = (
  meta: TableMeta,
  info: TableInfo,
  naming: Naming,
): ReadonlyMap<string, ColumnInfo> => {
  const named = new Map<string, ColumnInfo>();
  for (const column of info.columns.values()) {
    const name = naming.column(meta, column.name);
    if (named.has(name)) {
      throw new InconsistentMetadataError(
        `table ${qualifiedKey(meta.table)}`,
        `two columns are named "${name}"`,
      );
    }
    if (isGraphqlName(name)) {
      named.set(name, column);
    }
  }
  return new Map([...named].sort(([a], [b]) => (a < b ? -1 : 1)));
};

interface Tracked {
  readonly meta: TableMeta;
  readonly info: TableInfo;
  readonly permissions: Permissions;
}

const trackedTables = (
  metadata: Metadata,
  catalog: Catalog,
  role: string,
  backendOnly: boolean,
): ReadonlyMap<string, Tracked> => {
  const result = new Map<string, Tracked>();
  const naming = namingOf(metadata);
  const names = new Set<string>();
  for (const meta of metadata.sources.flatMap((source) => source.tables)) {
    const key = qualifiedKey(meta.table);
    const info = catalog.tables.get(key);
    if (info === undefined) {
      throw new InconsistentMetadataError(`table ${key}`, "no such table or view in the database");
    }
    const name = naming.type(naming.table(meta));
    if (!isGraphqlName(name)) {
      throw new InconsistentMetadataError(
        `table ${key}`,
        `"${name}" is no GraphQL name, give it a custom_name`,
      );
    }
    if (names.has(name)) {
      throw new InconsistentMetadataError(`table ${key}`, `another table is named "${name}" already`);
    }
    names.add(name);
    assertColumns(meta, info);
    result.set(key, { meta, info, permissions: permissionsOf(meta, info, role, backendOnly) });
  }
  return result;
};

/** All tracked tables with what the role may do to each. */
export const buildRoleTables = (
  metadata: Metadata,
  catalog: Catalog,
  role: string,
  backendOnly: boolean,
): ReadonlyMap<string, RoleTable> => {
  const naming = namingOf(metadata);
  const tracked = trackedTables(metadata, catalog, role, backendOnly);
  const keys = new Set(tracked.keys());
  const result = new Map<string, RoleTable>();
  for (const [key, { meta, info, permissions }] of tracked) {
    const allColumns = graphqlColumns(meta, info, naming);
    const writable = new Map([...allColumns].filter(([, column]) => !column.isGenerated));
    const relationships = new Map<string, ResolvedRelationship>();
    /** A name that Hasura gives to the field beside a relationship counts as well. */
    const assertFree = (object: string, name: string): void => {
      if (!allColumns.has(name) && !info.columns.has(name)) return;
      throw new InconsistentMetadataError(object, "field definition conflicts with postgres column");
    };
    const add = (rel: TableMeta["objectRelationships"][number], kind: "object" | "array"): void => {
      const resolved = resolveRelationship(meta, info, rel, kind, catalog, keys);
      assertFree(`relationship ${rel.name} of table ${key}`, rel.name);
      if (kind === "array")
        assertFree(`relationship ${rel.name} of table ${key}`, naming.aggregate(rel.name));
      relationships.set(rel.name, {
        ...resolved,
        selectable: tracked.get(resolved.target)?.permissions.select !== undefined,
      });
    };
    meta.objectRelationships.forEach((rel) => {
      add(rel, "object");
    });
    meta.arrayRelationships.forEach((rel) => {
      add(rel, "array");
    });
    for (const { name } of meta.computedFields) {
      assertFree(`computed field ${name} of table ${key}`, name);
    }
    assertComputedFieldPermissions(meta);
    const computedFields = resolveComputedFields(
      meta,
      catalog,
      (target) => keys.has(target),
      (field) =>
        field.returns.kind === "rows"
          ? permissions.select !== undefined &&
            tracked.get(field.returns.target)?.permissions.select !== undefined
          : allowed(permissions.select?.computedFields, field.name),
    );
    result.set(key, {
      ...permissions,
      meta,
      info,
      key,
      graphqlName: tableType({ meta, naming }),
      naming,
      columns: pick(allColumns, permissions.select?.columns),
      allColumns,
      insertColumns: pick(writable, permissions.insert?.columns, permissions.insert?.set),
      updateColumns: pick(writable, permissions.update?.columns, permissions.update?.set),
      relationships,
      computedFields,
    });
  }
  return result;
};
