import { z } from "zod";

const amount = z.string().regex(/^-?\d{1,19}$/u);
/** Other text is a client's, in a refusal of a metric that there is not, and is left out. */
const metric = z
  .string()
  .regex(/^[a-z][a-z0-9_]{0,62}$/u)
  .nullish()
  .catch(null);

/** What `usage.refuse` puts behind the sentence of a refusal. Amounts are text: a bigint need not fit a double. */
const decisionSchema = z
  .object({
    reason: z.string().regex(/^[a-z][a-z-]{0,63}$/u),
    metric,
    amount: amount.nullish(),
    used: amount.nullish(),
    reserved: amount.nullish(),
    limit: amount.nullish(),
    remaining: amount.nullish(),
    limitedBy: z.string().max(64).nullish(),
    resetsAt: z.string().max(64).nullish(),
    retryAfterSeconds: z.number().int().nonnegative().nullish(),
    member: z.looseObject({ memberId: z.string().max(64) }).nullish(),
    upgrade: z.looseObject({ planId: z.string() }).nullish(),
    addOn: z.looseObject({}).nullish(),
  })
  .readonly();

export type RefusedDecision = z.infer<typeof decisionSchema>;

export interface LimitRefusal {
  /** The sentence alone. */
  readonly message: string;
  readonly decision: RefusedDecision;
}

const opening = ' {"usageDecision"';
const envelope = z.strictObject({ usageDecision: decisionSchema });

/** How Hasura begins the messages of constraints of tables, which are no refusals. */
const constraint = /^(?:Uniqueness|Foreign key|Not-NULL|Exclusion|Check constraint) violation\. /u;

const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

/**
 * Splits a message of `constraint-violation` into the sentence and the decision behind it; undefined when it carries none,
 * as those of other constraints. The last opening counts: in a decision itself it cannot stand, since JSON escapes quotes.
 */
export const readRefusal = (message: string): LimitRefusal | undefined => {
  const at = message.lastIndexOf(opening);
  if (at <= 0 || constraint.test(message)) return undefined;
  const read = envelope.safeParse(parseJson(message.slice(at + 1)));
  return read.success ? { message: message.slice(0, at), decision: read.data.usageDecision } : undefined;
};
