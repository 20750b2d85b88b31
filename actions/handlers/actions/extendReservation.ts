import { z } from "zod";
import { askGate } from "../../gate.ts";
import { defineAction } from "../../handler.ts";
import { ttlInput, workspaceInput } from "../../inputs.ts";

export const extendReservation = defineAction({
  input: z.strictObject({ ...workspaceInput, ...ttlInput, reservationId: z.uuid() }),
  run: (request, session, { gate }) => askGate(gate, session, { op: "extend", ...request }, false),
});
