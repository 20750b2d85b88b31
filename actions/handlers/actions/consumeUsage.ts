import { z } from "zod";
import { askGate } from "../../gate.ts";
import { defineAction } from "../../handler.ts";
import { consumeInput } from "../../inputs.ts";

export const consumeUsage = defineAction({
  input: z.strictObject(consumeInput),
  run: ({ required, ...request }, session, { gate }) =>
    askGate(gate, session, { op: "consume", ...request }, required ?? false),
});
