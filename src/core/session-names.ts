/** The roles that permissions of the product are written for. */
export const productRoles = ["anonymous", "user", "workspace_admin", "service", "operator"] as const;

export type ProductRole = (typeof productRoles)[number];

export interface RoleName {
  /** As tokens of the application say it. */
  readonly theirs: string;
  readonly ours: ProductRole;
}

export interface SessionNameSettings {
  /** Session variable with the user's id, lower case. */
  readonly userClaim: string;
  /** Session variable with the workspace's id, lower case. */
  readonly tenantClaim: string;
  readonly roles: readonly RoleName[];
}

/** What the application's tokens call the claims and roles that the product reads. */
export interface SessionNames extends SessionNameSettings {
  /** The product's role for a role of a session. A role that is not mapped keeps its name. */
  roleOf(role: string): string;
  /** The application's name for a role of the product: the first one mapped to it. */
  nameOf(role: ProductRole): string;
}

export const defaultSessionNames: SessionNameSettings = {
  userClaim: "x-hasura-user-id",
  tenantClaim: "x-hasura-workspace-id",
  roles: [],
};

export const isProductRole = (name: string): name is ProductRole =>
  (productRoles as readonly string[]).includes(name);

export const createSessionNames = (settings: SessionNameSettings = defaultSessionNames): SessionNames => {
  const ours = new Map(settings.roles.map((role) => [role.theirs, role.ours]));
  const renamed = new Set<string>(settings.roles.map((role) => role.ours));
  return {
    ...settings,
    // The application's own role `operator` is nobody to the product once another role stands for it.
    roleOf: (role) => ours.get(role) ?? (renamed.has(role) ? `unmapped:${role}` : role),
    nameOf: (role) => settings.roles.find((one) => one.ours === role)?.theirs ?? role,
  };
};
