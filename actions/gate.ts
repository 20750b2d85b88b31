import { AppError } from "../src/core/index.ts";
import { type Gate, type GateDecision, type GateRequest } from "../src/domain/gate/index.ts";
import { type Session } from "./handler.ts";
import { assertWorkspace } from "./session.ts";

/** Answers of the gate that say the request itself is wrong: errors whatever `required` says. */
const faults: ReadonlySet<string> = new Set([
  "workspace-forbidden",
  "invalid-input",
  "idempotency-conflict",
  "period-closed",
  "row-metered",
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
  const { message, ...answer } = decision;
  const reason = decision.reason ?? "usage-limit-exceeded";
  const sentence = message ?? `usage of ${decision.metric ?? "the reservation"} refused: ${reason}`;
  if (faults.has(reason)) throw new AppError({ kind: "invalid-input", code: reason, message: sentence });
  if (required) throw new AppError({ kind: "denied", code: reason, message: sentence, extensions: answer });
  return decision;
}
