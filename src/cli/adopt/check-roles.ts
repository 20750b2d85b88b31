import { type ProductRole, productRoles, type SessionNameSettings } from "../../core/index.ts";
import type { Fault } from "./fault.ts";

/** Roles that act without being a member: a role of the same name elsewhere must not become one unnoticed. */
const powerful: ReadonlySet<ProductRole> = new Set(["operator", "service"]);

export interface RoleFindings {
  readonly faults: readonly Fault[];
  readonly notes: readonly string[];
}

/** What the roles of a project, `theirs`, mean once it is adopted. */
export const checkRoles = (names: SessionNameSettings, theirs: ReadonlySet<string>): RoleFindings => {
  const isMapped = (role: string): boolean => names.roles.some(({ ours }) => ours === role);
  const shared = productRoles.filter((role) => theirs.has(role) && !isMapped(role));
  const unknown = [...new Set(names.roles.map((role) => role.theirs))].filter((role) => !theirs.has(role));
  return {
    faults: shared
      .filter((role) => powerful.has(role))
      .map((role) => ({
        code: "role-conflict",
        message: `your role ${role} would get the rights of the product's ${role}, which acts for ${role === "operator" ? "all tenants" : "a whole tenant"}`,
        advice: `confirm it with --role ${role}=${role}, or name another role: --role <your role>=${role}`,
      })),
    notes: [
      ...shared
        .filter((role) => !powerful.has(role))
        .map((role) => `your role ${role} gets the permissions of the product's role of that name`),
      ...unknown.map((role) => `no permission of yours names the role ${role} of --role yet`),
    ],
  };
};
