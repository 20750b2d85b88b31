import { AppError, type Queryable } from "../src/core/index.ts";
import { newSecret, type Refusal } from "./delivery/index.ts";
import { type Session } from "./handler.ts";

/** As many secrets sign at once: a receiver that takes one of them keeps working through a rotation. */
const secretsAtOnce = 2;

/** How long the secret before stays good. */
export const rotationHours = 24;

export const urlRefusals: Readonly<Record<Refusal, string>> = {
  "malformed-url": "url must be an https address without user and password, 2048 characters at most",
  "insecure-url": "url must begin with https://",
  "address-not-allowed": "url must not lead to a private or local address",
};

/** The one answer for what is not there and for what is another workspace's. */
export const webhookNotFound = (what: "endpoint" | "delivery"): AppError =>
  new AppError({ kind: "not-found", code: "webhook-not-found", message: `no such webhook ${what}` });

export const webhookDisabled = (): AppError =>
  new AppError({
    kind: "conflict",
    code: "webhook-disabled",
    message: "the webhook endpoint is disabled; enable it first",
  });

/** The workspace whose endpoints a session may act on; null is any, for admin alone. */
export function workspaceOf(session: Session): string | null {
  if (session.role === "admin") return null;
  if (session.workspaceId !== null) return session.workspaceId;
  throw new AppError({
    kind: "forbidden",
    code: "workspace-forbidden",
    message: "this session has no workspace",
  });
}

export interface Endpoint {
  readonly id: string;
  readonly workspaceId: string;
  readonly enabled: boolean;
}

/** Finds and locks an endpoint of the session's workspace. */
export async function findEndpoint(db: Queryable, session: Session, endpointId: string): Promise<Endpoint> {
  const [endpoint] = await db.query<Endpoint>(
    `select id, workspace_id as "workspaceId", enabled
     from usage.webhook_endpoints
     where id = $1
       and workspace_id = coalesce($2, workspace_id)
     for no key update`,
    [endpointId, workspaceOf(session)],
  );
  if (endpoint === undefined) throw webhookNotFound("endpoint");
  return endpoint;
}

/** Adds a secret; those before stay good for a while, the oldest of them no longer than there is place. */
export async function addSecret(
  db: Queryable,
  endpointId: string,
): Promise<{ readonly secret: string; readonly previousSecretExpiresAt: Date | null }> {
  const secret = newSecret();
  await db.query(
    `delete from usage.webhook_secrets
     where endpoint_id = $1
       and (
         expires_at <= now()
         or id not in (
           select kept.id
           from usage.webhook_secrets as kept
           where kept.endpoint_id = $1
           order by kept.created_at desc
           limit $2
         )
       )`,
    [endpointId, secretsAtOnce - 1],
  );
  const [previous] = await db.query<{ expiresAt: Date }>(
    `update usage.webhook_secrets
     set expires_at = now() + $2 * interval '1 hour'
     where endpoint_id = $1
     returning expires_at as "expiresAt"`,
    [endpointId, rotationHours],
  );
  await db.query("insert into usage.webhook_secrets (endpoint_id, secret) values ($1, $2)", [
    endpointId,
    secret,
  ]);
  return { secret, previousSecretExpiresAt: previous?.expiresAt ?? null };
}
