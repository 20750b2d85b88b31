import { z } from "zod";
import { correct, correctionInput } from "../../corrections.ts";
import { defineAction } from "../../handler.ts";
import { bigintInput } from "../../inputs.ts";

export const amendUsage = defineAction({
  input: z.strictObject({ ...correctionInput, amount: bigintInput }),
  run: (input, session, deps) => correct("amend", input, session, deps),
});
