import { z } from "zod";
import { AppError } from "../src/core/index.ts";
import { type Correction, type CorrectionRequest, correctUsage } from "../src/domain/gate/index.ts";
import { type HandlerDeps, type Session } from "./handler.ts";
import { workspaceInput } from "./inputs.ts";
import { assertWorkspace } from "./session.ts";

export const correctionInput = {
  ...workspaceInput,
  idempotencyKey: z.string().min(1).max(255),
  metric: z.string().min(1).max(63).nullish(),
  reason: z.string().trim().min(1).max(500),
  correctionKey: z.string().min(1).max(255).nullish(),
};

/** Answers that say the request itself is wrong, as those of the gate. */
const faults: ReadonlyMap<string, string> = new Map([
  ["workspace-forbidden", "this session may not act for that workspace"],
  ["invalid-input", "the amount or a key is out of range"],
  ["idempotency-conflict", "this correctionKey was used before with other content"],
  ["row-metered", "this metric counts rows of a table; change the rows instead"],
  ["event-not-found", "no accepted use with this idempotencyKey and metric is recorded"],
]);

export interface CorrectionInput {
  readonly workspaceId: string;
  readonly idempotencyKey: string;
  readonly metric?: string | null | undefined;
  readonly amount?: string;
  readonly reason: string;
  readonly correctionKey?: string | null | undefined;
}

/** Corrects a recorded use, which only backends and operators may: a customer would rewrite what it is billed for. */
export async function correct(
  op: CorrectionRequest["op"],
  { idempotencyKey, reason, correctionKey, ...rest }: CorrectionInput,
  session: Session,
  { database }: HandlerDeps,
): Promise<Correction> {
  assertWorkspace(session, rest.workspaceId);
  assertMayDate(session);
  const correction = await correctUsage(database, {
    ...rest,
    op,
    eventKey: idempotencyKey,
    note: reason,
    idempotencyKey: correctionKey,
  });
  const fault = correction.reason === null ? undefined : faults.get(correction.reason);
  if (fault !== undefined)
    throw new AppError({ kind: "invalid-input", code: correction.reason ?? "invalid-input", message: fault });
  return correction;
}

const trusted: ReadonlySet<string> = new Set(["service", "operator", "admin"]);

/** Who chooses the moment chooses the limit that is asked, so people may not. */
export function assertMayDate({ role }: Session): void {
  if (trusted.has(role)) return;
  throw new AppError({
    kind: "forbidden",
    code: "invalid-input",
    message: "only a service or an operator may date or correct a use",
  });
}
