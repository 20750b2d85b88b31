import type { Queryable } from "../../core/index.ts";

export interface ApiKey {
  readonly id: string;
  readonly workspaceId: string;
  readonly scopes: readonly string[];
  readonly expiresAt: Date | undefined;
}

/** The right to act for a workspace, as far as only the database knows it. */
export interface AccessStore {
  /** What the hook `usage.member_role` answers: the role of a user in a workspace; undefined for anybody who is not a member. */
  memberRole(workspaceId: string, userId: string): Promise<string | undefined>;
  /** A key that is neither revoked nor expired, by the hash of its text. */
  findKey(hash: string): Promise<ApiKey | undefined>;
}

interface KeyRow {
  readonly id: string;
  readonly workspace_id: string;
  readonly scopes: readonly string[];
  readonly expires_at: Date | null;
}

export const createAccessStore = (database: Queryable): AccessStore => ({
  memberRole: async (workspaceId, userId) => {
    const rows = await database.query<{ role: string | null }>(
      "select usage.member_role($1, $2) as role",
      [workspaceId, userId],
      { name: "access_member_role" },
    );
    return rows[0]?.role ?? undefined;
  },
  findKey: async (hash) => {
    const [row] = await database.query<KeyRow>(
      `select id, workspace_id, scopes, expires_at
       from usage.api_keys
       where hash = $1
         and revoked_at is null
         and (expires_at is null or expires_at > now())`,
      [hash],
    );
    if (row === undefined) return undefined;
    await database.query(
      `update usage.api_keys
       set last_used_at = now()
       where id = $1
         and (last_used_at is null or last_used_at < now() - interval '1 minute')`,
      [row.id],
    );
    return {
      id: row.id,
      workspaceId: row.workspace_id,
      scopes: row.scopes,
      expiresAt: row.expires_at === null ? undefined : new Date(row.expires_at),
    };
  },
});
