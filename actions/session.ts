import { AppError, type SessionNames } from "../src/core/index.ts";
import { type Session } from "./handler.ts";

/** Roles that may name any workspace; everyone else is bound to the workspace of the session. */
const acrossWorkspaces: ReadonlySet<string> = new Set(["admin", "operator"]);

/** The session in the product's words, whatever the application calls its claims and roles. */
export function readSession(variables: Readonly<Record<string, string>>, names: SessionNames): Session {
  return {
    role: names.roleOf(variables["x-hasura-role"] ?? names.nameOf("anonymous")),
    userId: variables[names.userClaim] ?? null,
    workspaceId: variables[names.tenantClaim] ?? null,
  };
}

/** Refuses a workspace that is not the session's own. The answer is the same whether the other one exists or not. */
export function assertWorkspace(session: Session, workspaceId: string): void {
  if (acrossWorkspaces.has(session.role)) return;
  if (session.workspaceId?.toLowerCase() === workspaceId.toLowerCase()) return;
  throw new AppError({
    kind: "forbidden",
    code: "workspace-forbidden",
    message: "this session may not act for that workspace",
  });
}
