import { z } from "zod";
import { defineAction } from "../../handler.ts";
import { workspaceInput } from "../../inputs.ts";
import { assertWorkspace } from "../../session.ts";

export const suggestUpgrade = defineAction({
  input: z.strictObject(workspaceInput),
  run: async ({ workspaceId }, session, { database }) => {
    assertWorkspace(session, workspaceId);
    const rows = await database.query<{ suggestion: unknown }>(
      "select usage.suggest_upgrade($1::uuid) as suggestion",
      [workspaceId],
    );
    return rows[0]?.suggestion ?? null;
  },
});
