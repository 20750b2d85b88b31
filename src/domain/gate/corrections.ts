import { type Queryable } from "../../core/index.ts";
import { toOutcomeUnknown } from "./outage.ts";

/** A request of `usage.correct`; amounts are bigints as text. */
export interface CorrectionRequest {
  readonly op: "amend" | "void";
  readonly workspaceId: string;
  /** The idempotency key of the use that is corrected. */
  readonly eventKey: string;
  /** Needed where the use was of several metrics. */
  readonly metric?: string | null | undefined;
  readonly amount?: string | null | undefined;
  readonly note: string;
  /** Of the correction itself. */
  readonly idempotencyKey?: string | null | undefined;
}

/** A correction as `UsageCorrection` of actions.graphql has it. A refusal is an answer. */
export interface Correction {
  readonly allowed: boolean;
  readonly reason: string | null;
  readonly metric: string | null;
  readonly eventKey: string;
  readonly correctionKey: string | null;
  readonly amountBefore: number | null;
  readonly amount: number | null;
  readonly used: number | null;
  readonly limit: number | null;
  readonly remaining: number | null;
  readonly periodStart: string | null;
}

/** Lets the database correct a recorded use. Corrections are rare, so each is a call of its own. */
export const correctUsage = async (database: Queryable, request: CorrectionRequest): Promise<Correction> => {
  try {
    const [row] = await database.query<{ answer: Correction }>("select usage.correct($1::jsonb) as answer", [
      JSON.stringify(request),
    ]);
    if (row === undefined) throw new Error("usage.correct gave no answer");
    return row.answer;
  } catch (error) {
    throw toOutcomeUnknown(error, typeof request.idempotencyKey === "string");
  }
};
