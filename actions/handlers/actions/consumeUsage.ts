import { z } from "zod";
import { assertMayDate } from "../../corrections.ts";
import { askGate } from "../../gate.ts";
import { defineAction } from "../../handler.ts";
import { consumeInput } from "../../inputs.ts";

export const consumeUsage = defineAction({
  input: z.strictObject({ ...consumeInput, occurredAt: z.iso.datetime({ offset: true }).nullish() }),
  run: async ({ required, ...request }, session, { gate }) => {
    if (typeof request.occurredAt === "string") assertMayDate(session);
    return askGate(gate, session, { op: "consume", ...request }, required ?? false);
  },
});
