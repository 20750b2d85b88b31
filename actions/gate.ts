import { AppError } from "../src/core/index.ts";
import { type Gate, type GateDecision, type GateRequest } from "../src/domain/gate/index.ts";
import { type Session } from "./handler.ts";
import { assertWorkspace } from "./session.ts";

/** Answers of the gate that say the request itself is wrong: errors whatever `required` says. */
const faults: ReadonlyMap<string, string> = new Map([
  ["workspace-forbidden", "this session may not act for that workspace"],
  ["invalid-input", "the amount or the time to live is out of range"],
  ["idempotency-conflict", "this idempotency key was used before with other content"],
  ["period-closed", "the period of this moment is closed: it takes nothing any more"],
  ["row-metered", "this metric counts rows of a table; insert the rows instead"],
]);

const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/iu;

/** The member whose limit applies; somebody of the house who acts for a workspace is none of its members. */
const memberOf = ({ role, userId }: Session): string | null =>
  userId !== null && uuid.test(userId) && role !== "operator" && role !== "admin" ? userId : null;

/** Asks the database's gate, the only place that decides. */
export async function askGate(
  gate: Gate,
  session: Session,
  request: GateRequest,
  required: boolean,
): Promise<GateDecision> {
  assertWorkspace(session, request.workspaceId);
  const decision = await gate.decide({ ...request, memberId: memberOf(session) });
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
