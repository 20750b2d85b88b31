import { z } from "zod";
import {
  createSessionNames,
  defaultSessionNames,
  isProductRole,
  productRoles,
  type RoleName,
  type SessionNames,
} from "../src/core/index.ts";

const claimMessage = "must be a session variable, as x-hasura-org-id";

const claim = (fallback: string) =>
  z
    .string()
    .toLowerCase()
    .regex(/^x-hasura-(?!role$|admin-secret$)[a-z0-9_-]+$/u, claimMessage)
    .default(fallback);

/** `member=user,org_admin=workspace_admin`: the application's role = the product's role. */
const roleMap = z
  .string()
  .default("")
  .transform((text, context): readonly RoleName[] => {
    const seen = new Set<string>();
    return text
      .split(",")
      .map((part) => part.trim())
      .filter((part) => part !== "")
      .flatMap((part) => {
        const [theirs = "", ours = "", ...rest] = part.split("=").map((name) => name.trim());
        const isNew = !seen.has(theirs);
        seen.add(theirs);
        if (isNew && theirs !== "" && theirs !== "admin" && isProductRole(ours) && rest.length === 0)
          return [{ theirs, ours }];
        context.addIssue({
          code: "custom",
          message: `"${part}" must be <your role>=<${productRoles.join("|")}>, each of your roles once; admin stays admin`,
        });
        return [];
      });
  });

/** What the application's tokens call claims and roles; read by the actions server and by the gateway alike. */
export const sessionEnv = {
  USAGE_USER_CLAIM: claim(defaultSessionNames.userClaim),
  USAGE_TENANT_CLAIM: claim(defaultSessionNames.tenantClaim),
  USAGE_ROLE_MAP: roleMap,
};

export const sessionNamesOf = (settings: z.infer<z.ZodObject<typeof sessionEnv>>): SessionNames =>
  createSessionNames({
    userClaim: settings.USAGE_USER_CLAIM,
    tenantClaim: settings.USAGE_TENANT_CLAIM,
    roles: settings.USAGE_ROLE_MAP,
  });
