import { z } from "zod";

const amount = z.union([z.number(), z.string()]).nullish();

/** What `usage.refuse` puts into DETAIL; the members that are not named here pass as they are. */
const decisionSchema = z.looseObject({
  reason: z.string(),
  message: z.string(),
  metric: z.string().nullish(),
  amount,
  used: amount,
  reserved: amount,
  limit: amount,
  remaining: amount,
});

export type RefusedStatement = z.infer<typeof decisionSchema>;

const refusalState = "23U01";

const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

/** The decision that a statement failed with: SQLSTATE 23U01 with its JSON in DETAIL; null for any other error. */
export const refusedStatement = (error: unknown): RefusedStatement | null => {
  if (typeof error !== "object" || error === null) return null;
  const { code, detail } = error as { readonly code?: unknown; readonly detail?: unknown };
  if (code !== refusalState || typeof detail !== "string") return null;
  const read = decisionSchema.safeParse(parseJson(detail));
  return read.success ? read.data : null;
};
