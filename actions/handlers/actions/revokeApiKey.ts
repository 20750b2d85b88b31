import { z } from "zod";
import { AppError } from "../../../src/core/index.ts";
import { defineAction } from "../../handler.ts";
import { workspaceInput } from "../../inputs.ts";
import { assertWorkspace } from "../../session.ts";

export const revokeApiKey = defineAction({
  input: z.strictObject({ ...workspaceInput, id: z.uuid() }),
  run: async ({ workspaceId, id }, session, { database }) => {
    assertWorkspace(session, workspaceId);
    const [row] = await database.query<{ id: string; revoked_at: Date }>(
      `update usage.api_keys
       set revoked_at = coalesce(revoked_at, now())
       where id = $1
         and workspace_id = $2
       returning id, revoked_at`,
      [id, workspaceId],
    );
    if (row === undefined) {
      throw new AppError({
        kind: "not-found",
        code: "api-key-not-found",
        message: "there is no such key in this workspace",
      });
    }
    return { id: row.id, revokedAt: row.revoked_at };
  },
});
