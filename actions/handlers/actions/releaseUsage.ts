import { z } from "zod";
import { askGate } from "../../gate.ts";
import { defineAction } from "../../handler.ts";
import { workspaceInput } from "../../inputs.ts";

export const releaseUsage = defineAction({
  input: z.strictObject({ ...workspaceInput, reservationId: z.uuid() }),
  run: (request, session, { database }) => askGate(database, session, { op: "release", ...request }, false),
});
