import { type Catalog } from "../../src/engine/catalog/index.ts";
import { type FunctionMeta, type Metadata, qualifiedKey } from "../../src/engine/metadata/index.ts";
import {
  adminRole,
  buildRoleTables,
  elementType,
  isArrayType,
  type RoleTable,
  scalarName,
  withInheritedRoles,
} from "../../src/engine/schema/index.ts";
import { describeDelete, describeInsert, describeSelect, describeUpdate } from "./permissions.ts";
import { compareRoles, rolesOf } from "./roles.ts";
import { wrap } from "./wrap.ts";

const typeName = (type: string): string =>
  isArrayType(type) ? `[${scalarName(elementType(type))}]` : scalarName(type);

/** One line for all roles whose permission reads the same. */
const grantLines = <P>(
  operation: string,
  granted: ReadonlyMap<string, P>,
  describe: (permission: P) => string,
): readonly string[] => {
  const groups = new Map<string, string[]>();
  for (const [role, permission] of [...granted].sort(([a], [b]) => compareRoles(a, b))) {
    const text = describe(permission);
    groups.set(text, [...(groups.get(text) ?? []), role]);
  }
  return [...groups].map(([text, roles]) => `  ${operation}  ${roles.join(", ")}: ${text}`);
};

const tableBlock = ({ meta, info, key, relationships }: RoleTable): string => {
  const columns = [...info.columns.values()].sort((a, b) => a.position - b.position);
  const all = columns.map(({ name }) => name);
  const { select, insert, update, delete: remove } = meta.permissions;
  return [
    info.kind === "table" ? key : `${key} (${info.kind})`,
    ...wrap(
      "  columns  ",
      columns.map(({ name, type, nullable }) => `${name} ${typeName(type)}${nullable ? "" : "!"}`),
    ),
    ...wrap(
      "  related  ",
      [...relationships.values()].map(({ name, kind, target }) =>
        kind === "array" ? `${name} [${target}]` : `${name} ${target}`,
      ),
    ),
    ...grantLines("select", select, (permission) => describeSelect(permission, all)),
    ...grantLines("insert", insert, (permission) => describeInsert(permission, all)),
    ...grantLines("update", update, (permission) => describeUpdate(permission, all)),
    ...grantLines("delete", remove, describeDelete),
  ].join("\n");
};

const rolesText = (roles: readonly string[]): string =>
  roles.length === 0 ? "no role by name" : [...roles].sort(compareRoles).join(", ");

const functionLine = (catalog: Catalog, fn: FunctionMeta): string => {
  const key = qualifiedKey(fn.function);
  const root = fn.exposedAs ?? (catalog.functions.get(key)?.volatility === "volatile" ? "mutation" : "query");
  const session = fn.sessionArgument === undefined ? "" : `; session in ${fn.sessionArgument}`;
  return `  ${key}  ${root}: ${rolesText(fn.permissions)}${session}`;
};

const introduction = (metadata: Metadata): string => {
  const inherited = metadata.inheritedRoles.map(
    ({ roleName, roleSet }) => `${roleName} = ${[...roleSet].sort(compareRoles).join(" + ")}`,
  );
  return `# Who may do what. Written by npm run golden from hasura/metadata and the migrated database.
#
# One block per table: its columns ("!" is not null), its relationships ("[t]" is a list), then one line for each operation
# and the roles whose permission for it is the same. "all" is every column of today, "*" also those added later. Queries and
# subscriptions both follow the select permission, unless it names root fields. An update without a check may change a row
# so that it leaves the filter. A path such as channel.workspace_id leads through relationships. admin may do everything.
#
# Roles: ${rolesOf(metadata).join(", ")}
# Inherited roles: ${inherited.length === 0 ? "none" : `${inherited.join("; ")}. A cell needs a parent with its column and its row.`}`;
};

/** The permissions of every role on tables, functions and actions, for a person to review. */
export const renderMatrix = (metadata: Metadata, catalog: Catalog): string => {
  const { metadata: expanded, conflicts } = withInheritedRoles(metadata);
  const [conflict] = conflicts;
  if (conflict !== undefined) throw new Error(conflict.reason);
  const tables = [...buildRoleTables(expanded, catalog, adminRole, false).values()];
  const functions = expanded.sources.flatMap((source) => source.functions);
  return [
    introduction(expanded),
    ...tables.sort((a, b) => (a.key < b.key ? -1 : 1)).map(tableBlock),
    ["functions", ...functions.map((fn) => functionLine(catalog, fn)).sort()].join("\n"),
    [
      "actions",
      ...expanded.actions
        .map(({ name, operation, permissions }) => `  ${name}  ${operation}: ${rolesText(permissions)}`)
        .sort(),
    ].join("\n"),
  ]
    .join("\n\n")
    .concat("\n");
};
