import { type Metadata } from "../../src/engine/metadata/index.ts";

/** From the role that sees least to the one that sees most. */
const order = ["anonymous", "user", "workspace_admin", "service", "operator"];

const rank = (role: string): number => {
  const at = order.indexOf(role);
  return at === -1 ? order.length : at;
};

/** The order in which every golden file names roles; those that `order` does not know come last, by name. */
export const compareRoles = (a: string, b: string): number => rank(a) - rank(b) || (a < b ? -1 : 1);

/** Every role that has a permission of its own or inherits some, without admin. */
export const rolesOf = (metadata: Metadata): readonly string[] => {
  const names = new Set(metadata.inheritedRoles.map(({ roleName }) => roleName));
  for (const { tables, functions } of metadata.sources) {
    for (const { permissions } of tables) {
      for (const granted of Object.values(permissions) as readonly ReadonlyMap<string, unknown>[]) {
        for (const role of granted.keys()) names.add(role);
      }
    }
    for (const { permissions } of functions) for (const role of permissions) names.add(role);
  }
  for (const { permissions } of metadata.actions) for (const role of permissions) names.add(role);
  return [...names].sort(compareRoles);
};
