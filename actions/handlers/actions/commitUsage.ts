import { z } from "zod";
import { askGate } from "../../gate.ts";
import { defineAction } from "../../handler.ts";
import { amountInput, workspaceInput } from "../../inputs.ts";

export const commitUsage = defineAction({
  input: z.strictObject({ ...workspaceInput, ...amountInput, reservationId: z.uuid() }),
  run: (request, session, { gate }) => askGate(gate, session, { op: "commit", ...request }, false),
});
