import { z } from "zod";
import { AppError } from "../../../src/core/index.ts";
import { apiKeyScopes, newApiKey } from "../../../src/domain/access/index.ts";
import { defineAction } from "../../handler.ts";
import { workspaceInput } from "../../inputs.ts";
import { assertWorkspace } from "../../session.ts";

export const createApiKey = defineAction({
  input: z.strictObject({
    ...workspaceInput,
    name: z.string().min(1).max(255),
    scopes: z.array(z.enum(apiKeyScopes)).min(1).max(apiKeyScopes.length).nullish(),
    expiresAt: z.iso.datetime({ offset: true }).nullish(),
  }),
  run: async ({ workspaceId, name, scopes, expiresAt }, session, { database }) => {
    assertWorkspace(session, workspaceId);
    const { key, prefix, hash } = newApiKey();
    const [row] = await database.query<{ id: string; expires_at: Date | null }>(
      `insert into usage.api_keys (workspace_id, name, prefix, hash, scopes, created_by, expires_at)
       select w.id, $2, $3, $4, $5::jsonb, $6::uuid, $7::timestamptz
       from public.workspaces w
       where w.id = $1
         and ($7::timestamptz is null or $7::timestamptz > now())
       returning id, expires_at`,
      [
        workspaceId,
        name,
        prefix,
        hash,
        JSON.stringify([...new Set(scopes ?? apiKeyScopes)]),
        session.userId,
        expiresAt ?? null,
      ],
    );
    if (row === undefined) {
      throw new AppError({
        kind: "invalid-input",
        code: "invalid-input",
        message: "the end of the key has passed, or there is no such workspace",
      });
    }
    return { id: row.id, key, prefix, expiresAt: row.expires_at };
  },
});
