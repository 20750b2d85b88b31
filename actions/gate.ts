import { AppError, type Queryable } from "../src/core/index.ts";
import { type Session } from "./handler.ts";
import { assertWorkspace } from "./session.ts";

/** One request of `usage.gate_many`; amounts are bigints as text. */
export interface GateRequest {
  readonly op: "check" | "consume" | "reserve" | "commit" | "release";
  readonly workspaceId: string;
  readonly metric?: string;
  readonly amount?: string | null | undefined;
  readonly idempotencyKey?: string | null | undefined;
  readonly ttlSeconds?: number | null | undefined;
  readonly reservationId?: string;
}

/** A decision as `UsageDecision` of actions.graphql has it. A denial is an answer, not an error. */
export interface GateDecision {
  readonly allowed: boolean;
  readonly reason: string | null;
  readonly metric: string | null;
  readonly amount: number | string | null;
  readonly used: number | string | null;
  readonly reserved: number | string | null;
  readonly limit: number | string | null;
  readonly remaining: number | string | null;
  readonly resetsAt: string | null;
  readonly retryAfterSeconds: number | null;
  readonly reservationId: string | null;
  readonly upgrade: { readonly planId: string; readonly name: string; readonly priceCents: number } | null;
}

/** Answers of the gate that say the request itself is wrong: errors whatever `required` says. */
const faults: ReadonlyMap<string, string> = new Map([
  ["workspace-forbidden", "this session may not act for that workspace"],
  ["invalid-input", "the amount or the time to live is out of range"],
  ["idempotency-conflict", "this idempotency key was used before with other content"],
  ["row-metered", "this metric counts rows of a table; insert the rows instead"],
]);

/** Asks the database's gate, the only place that decides. */
export async function askGate(
  db: Queryable,
  session: Session,
  request: GateRequest,
  required: boolean,
): Promise<GateDecision> {
  assertWorkspace(session, request.workspaceId);
  const rows = await db.query<{ answers: readonly GateDecision[] }>(
    "select usage.gate_many($1::jsonb) as answers",
    [JSON.stringify([request])],
    { name: "usage_gate_many" },
  );
  const decision = rows[0]?.answers[0];
  if (decision === undefined) throw new Error("usage.gate_many gave no answer");
  if (decision.allowed) return decision;
  const reason = decision.reason ?? "usage-limit-exceeded";
  const fault = faults.get(reason);
  if (fault !== undefined) throw new AppError({ kind: "invalid-input", code: reason, message: fault });
  if (required) throw denial(decision, reason);
  return decision;
}

function denial(decision: GateDecision, reason: string): AppError {
  return new AppError({
    kind: "denied",
    code: reason,
    message: `usage of ${decision.metric ?? "the reservation"} refused: ${reason}`,
    extensions: { ...decision },
  });
}
