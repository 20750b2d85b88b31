import { z } from "zod";
import { askGate } from "../../gate.ts";
import { defineAction } from "../../handler.ts";
import { amountInput, metricInput, workspaceInput } from "../../inputs.ts";

export const checkUsage = defineAction({
  input: z.strictObject({ ...workspaceInput, ...metricInput, ...amountInput }),
  run: (request, session, { gate }) => askGate(gate, session, { op: "check", ...request }, false),
});
