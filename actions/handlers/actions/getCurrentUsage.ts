import { z } from "zod";
import { defineAction } from "../../handler.ts";
import { workspaceInput } from "../../inputs.ts";
import { assertWorkspace } from "../../session.ts";
import { readUsage } from "../../usage-report.ts";

/** `period` is a month as YYYY-MM; absent means the period that runs now. */
export const getCurrentUsage = defineAction({
  input: z.strictObject({
    ...workspaceInput,
    period: z
      .string()
      .regex(/^\d{4}-(0[1-9]|1[0-2])$/u, "must be a month as YYYY-MM")
      .nullish(),
  }),
  run: ({ workspaceId, period }, session, { database }) => {
    assertWorkspace(session, workspaceId);
    return readUsage(database, workspaceId, period ?? null);
  },
});
