import { z } from "zod";

/** A Postgres bigint on the wire: a whole JSON number that is exact, or its decimal text. */
export const bigintInput = z
  .union([
    z.number().int().refine(Number.isSafeInteger, "must be exact; send it as text"),
    z.string().regex(/^-?\d{1,19}$/u),
  ])
  .transform((value) => String(value))
  .refine((text) => BigInt.asIntN(64, BigInt(text)) === BigInt(text), "does not fit a bigint");

export const workspaceInput = { workspaceId: z.uuid() };

export const metricInput = { metric: z.string().min(1).max(63) };

export const amountInput = { amount: bigintInput.nullish() };

const keyInput = {
  idempotencyKey: z.string().min(1).max(255).nullish(),
  required: z.boolean().nullish(),
};

export const consumeInput = {
  ...workspaceInput,
  ...metricInput,
  ...amountInput,
  ...keyInput,
  partial: z.boolean().nullish(),
};

/** Several metrics at once; a metric twice could not be decided item by item, which the gate refuses. */
export const itemsInput = {
  ...workspaceInput,
  items: z
    .array(z.strictObject({ ...metricInput, ...amountInput }))
    .min(1)
    .max(32),
  ...keyInput,
};

export const ttlInput = { ttlSeconds: z.number().int().nullish() };
