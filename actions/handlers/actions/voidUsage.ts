import { z } from "zod";
import { correct, correctionInput } from "../../corrections.ts";
import { defineAction } from "../../handler.ts";

export const voidUsage = defineAction({
  input: z.strictObject(correctionInput),
  run: (input, session, deps) => correct("void", input, session, deps),
});
