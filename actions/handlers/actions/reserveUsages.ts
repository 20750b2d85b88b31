import { z } from "zod";
import { askGate } from "../../gate.ts";
import { defineAction } from "../../handler.ts";
import { itemsInput, ttlInput } from "../../inputs.ts";

export const reserveUsages = defineAction({
  input: z.strictObject({ ...itemsInput, ...ttlInput }),
  run: ({ required, ...request }, session, { gate }) =>
    askGate(gate, session, { op: "reserve", ...request }, required ?? false),
});
