import { z } from "zod";
import { askGate } from "../../gate.ts";
import { defineAction } from "../../handler.ts";
import { itemsInput } from "../../inputs.ts";

export const consumeUsages = defineAction({
  input: z.strictObject(itemsInput),
  run: ({ required, ...request }, session, { gate }) =>
    askGate(gate, session, { op: "consume", ...request }, required ?? false),
});
