import { z } from "zod";
import { defineAction } from "../../handler.ts";
import { workspaceInput } from "../../inputs.ts";
import { assertWorkspace } from "../../session.ts";

/** The events are checked one by one where they are stored, so that a bad one costs no good one. */
export const trackEvents = defineAction({
  input: z.strictObject({
    ...workspaceInput,
    events: z.array(z.unknown()).min(1),
    idempotencyKey: z
      .string()
      .regex(/^[\x21-\x7e]{1,200}$/u, "must have 1 to 200 printable characters")
      .nullish(),
  }),
  run: async ({ workspaceId, events, idempotencyKey }, session, { tracker }) => {
    assertWorkspace(session, workspaceId);
    // A server is nobody's, whatever its session says.
    const userId = session.role === "service" ? null : session.userId;
    const { accepted, duplicates, invalid, outcomes } = await tracker.track({ workspaceId, userId }, events, {
      idempotencyKey: idempotencyKey ?? undefined,
    });
    return { accepted, duplicates, invalid, results: outcomes };
  },
});
