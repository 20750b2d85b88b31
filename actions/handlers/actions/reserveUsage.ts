import { z } from "zod";
import { askGate } from "../../gate.ts";
import { defineAction } from "../../handler.ts";
import { consumeInput, ttlInput } from "../../inputs.ts";

export const reserveUsage = defineAction({
  input: z.strictObject({ ...consumeInput, ...ttlInput }),
  run: ({ required, ...request }, session, { gate }) =>
    askGate(gate, session, { op: "reserve", ...request }, required ?? false),
});
