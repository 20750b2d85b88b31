import { SignJWT } from "jose";
import { z } from "zod";
import { type Queryable } from "../core/index.ts";

export interface SampleUser {
  readonly userId: string;
  readonly workspaceId: string;
  readonly workspaceName: string;
  readonly displayName: string;
}

export const claimsNamespace = "https://hasura.io/jwt/claims";

const jwtSecretSchema = z.object({ type: z.enum(["HS256", "HS384", "HS512"]), key: z.string().min(32) });

/** Whether the JWT secret is a shared key: behind a public one somebody else signs. */
export function canSign(jwtSecret: string): boolean {
  try {
    return jwtSecretSchema.safeParse(JSON.parse(jwtSecret)).success;
  } catch {
    return false;
  }
}

/**
 * Signs a token as an identity provider would; only possible where the JWT secret is a shared key. Without a
 * workspace it is the token of somebody who is no member yet and may accept an invitation.
 */
export async function signToken(
  jwtSecret: string,
  identity: { readonly userId: string; readonly workspaceId?: string },
  roles: readonly [string, ...string[]],
  ttl = "30d",
): Promise<string> {
  const { type, key } = jwtSecretSchema.parse(JSON.parse(jwtSecret));
  return new SignJWT({
    [claimsNamespace]: {
      "x-hasura-user-id": identity.userId,
      ...(identity.workspaceId === undefined ? {} : { "x-hasura-workspace-id": identity.workspaceId }),
      "x-hasura-default-role": roles[0],
      "x-hasura-allowed-roles": roles,
    },
  })
    .setProtectedHeader({ alg: type })
    .setSubject(identity.userId)
    .setIssuedAt()
    .setExpirationTime(ttl)
    .sign(new TextEncoder().encode(key));
}

/** The owner of the oldest workspace; null in a database without any. */
export async function readSampleUser(db: Queryable): Promise<SampleUser | null> {
  const rows = await db.query<SampleUser>(
    `select u.id as "userId",
       w.id as "workspaceId",
       w.name as "workspaceName",
       u.display_name as "displayName"
     from public.workspaces w
     join public.workspace_members m on m.workspace_id = w.id and m.role = 'owner'
     join public.users u on u.id = m.user_id
     order by w.created_at, w.id
     limit 1`,
  );
  return rows[0] ?? null;
}
