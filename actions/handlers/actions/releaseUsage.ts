import { z } from "zod";
import { askGate } from "../../gate.ts";
import { defineAction } from "../../handler.ts";
import { workspaceInput } from "../../inputs.ts";

export const releaseUsage = defineAction({
  input: z.strictObject({ ...workspaceInput, reservationId: z.uuid() }),
  run: (request, session, { gate }) => askGate(gate, session, { op: "release", ...request }, false),
});
