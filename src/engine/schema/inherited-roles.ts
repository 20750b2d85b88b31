import { isDeepStrictEqual } from "node:util";
import {
  type ColumnSet,
  type InheritedRole,
  type Metadata,
  qualifiedKey,
  type SelectPermission,
  type SelectRootField,
  type TablePermissions,
} from "../metadata/types.ts";
import { InconsistentMetadataError } from "./errors.ts";

/** A permission that two parents define differently: the inherited role has none, and the metadata is inconsistent. */
export interface InheritanceConflict {
  readonly role: string;
  readonly permission: "insert" | "update" | "delete";
  readonly source: string;
  /** As Hasura prints a table: schema public is silent. */
  readonly table: string;
  readonly reason: string;
}

export interface WithInheritedRoles {
  readonly metadata: Metadata;
  readonly conflicts: readonly InheritanceConflict[];
}

/** Parents before the roles that inherit from them. */
const inOrder = (roles: readonly InheritedRole[]): readonly InheritedRole[] => {
  const byName = new Map(roles.map((role) => [role.roleName, role]));
  const done = new Set<string>();
  const ordered: InheritedRole[] = [];
  const visit = (role: InheritedRole, trail: readonly string[]): void => {
    if (done.has(role.roleName)) return;
    if (trail.includes(role.roleName)) {
      const cycle = [...trail.slice(trail.indexOf(role.roleName)), role.roleName];
      throw new InconsistentMetadataError(
        `inherited role ${role.roleName}`,
        `found cycle(s) in roles: ${JSON.stringify(cycle)}`,
      );
    }
    for (const parent of role.roleSet) {
      const inherited = byName.get(parent);
      if (inherited !== undefined) visit(inherited, [...trail, role.roleName]);
    }
    done.add(role.roleName);
    ordered.push(role);
  };
  for (const role of roles) visit(role, []);
  return ordered;
};

const union = (sets: readonly ColumnSet[]): ColumnSet => {
  const names = new Set<string>();
  for (const set of sets) {
    if (set === "*") return "*";
    for (const name of set) names.add(name);
  }
  return [...names];
};

const rootFields = (
  lists: readonly (readonly SelectRootField[] | null | undefined)[],
): readonly SelectRootField[] | null => {
  const names = new Set<SelectRootField>();
  for (const list of lists) {
    if (list === null || list === undefined) return null;
    for (const name of list) names.add(name);
  }
  return [...names];
};

/** Rows of any parent; a cell only where a parent that allows its column lets the row through. */
const combineSelect = (parents: readonly SelectPermission[]): SelectPermission | undefined => {
  const [only, ...others] = parents;
  if (only === undefined || others.length === 0) return only;
  const limits = parents.flatMap(({ limit }) => (limit === undefined ? [] : [limit]));
  return {
    columns: union(parents.map((parent) => parent.columns)),
    computedFields: union(parents.map((parent) => parent.computedFields)),
    filter: { _or: parents.map((parent) => parent.filter) },
    ...(limits.length === 0 ? {} : { limit: Math.max(...limits) }),
    allowAggregations: parents.some((parent) => parent.allowAggregations),
    queryRootFields: rootFields(parents.map((parent) => parent.queryRootFields)),
    subscriptionRootFields: rootFields(parents.map((parent) => parent.subscriptionRootFields)),
    parents: parents.flatMap((parent) => parent.parents ?? [parent]),
  };
};

/** The order of columns and of conditions in a list means nothing. */
const comparable = (value: unknown): unknown => {
  if (Array.isArray(value)) {
    return value.map((item: unknown) => JSON.stringify(comparable(item))).sort();
  }
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, item]) => [key, comparable(item)]),
  );
};

const agree = (permissions: readonly unknown[]): boolean =>
  permissions.every((permission) => isDeepStrictEqual(comparable(permission), comparable(permissions[0])));

const present = <P>(map: ReadonlyMap<string, P>, roles: readonly string[]): readonly P[] =>
  roles.flatMap((role) => {
    const permission = map.get(role);
    return permission === undefined ? [] : [permission];
  });

const inheritTable = (
  source: string,
  table: string,
  permissions: TablePermissions,
  roles: readonly InheritedRole[],
  conflicts: InheritanceConflict[],
): TablePermissions => {
  const select = new Map(permissions.select);
  const writes = {
    insert: new Map(permissions.insert),
    update: new Map(permissions.update),
    delete: new Map(permissions.delete),
  };
  const inheritWrite = <P>(
    role: InheritedRole,
    kind: InheritanceConflict["permission"],
    map: Map<string, P>,
  ): void => {
    if (map.has(role.roleName)) return;
    const given = present(map, role.roleSet);
    const [first] = given;
    if (first === undefined) return;
    if (agree(given)) {
      map.set(role.roleName, first);
      return;
    }
    conflicts.push({
      role: role.roleName,
      permission: kind,
      source,
      table,
      reason: `Could not inherit permission for the role '${role.roleName}' for the entity: '${kind} permission, table: ${table}, source: '${source}''`,
    });
  };
  for (const role of roles) {
    if (!select.has(role.roleName)) {
      const combined = combineSelect(present(select, role.roleSet));
      if (combined !== undefined) select.set(role.roleName, combined);
    }
    inheritWrite(role, "insert", writes.insert);
    inheritWrite(role, "update", writes.update);
    inheritWrite(role, "delete", writes.delete);
  }
  return { select, ...writes };
};

/** A role may call what any of its parents may. */
const inheritNames = (given: readonly string[], roles: readonly InheritedRole[]): readonly string[] => {
  const names = new Set(given);
  for (const role of roles) {
    if (role.roleSet.some((parent) => names.has(parent))) names.add(role.roleName);
  }
  return [...names];
};

const expand = (metadata: Metadata): WithInheritedRoles => {
  if (metadata.inheritedRoles.length === 0) return { metadata, conflicts: [] };
  const roles = inOrder(metadata.inheritedRoles);
  const conflicts: InheritanceConflict[] = [];
  const sources = metadata.sources.map((source) => ({
    ...source,
    tables: source.tables.map((table) => {
      const name = table.table.schema === "public" ? table.table.name : qualifiedKey(table.table);
      const permissions = inheritTable(source.name, name, table.permissions, roles, conflicts);
      return { ...table, permissions };
    }),
    functions: source.functions.map((fn) => ({ ...fn, permissions: inheritNames(fn.permissions, roles) })),
  }));
  const actions = metadata.actions.map((action) => ({
    ...action,
    permissions: inheritNames(action.permissions, roles),
  }));
  return { metadata: { ...metadata, sources, actions }, conflicts };
};

const expanded = new WeakMap<Metadata, WithInheritedRoles>();

/** The metadata with the permissions of inherited roles written out; worked out once per metadata. */
export const withInheritedRoles = (metadata: Metadata): WithInheritedRoles => {
  const known = expanded.get(metadata) ?? expand(metadata);
  expanded.set(metadata, known);
  return known;
};
