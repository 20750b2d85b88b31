import { AppError, type Logger } from "../../core/index.ts";
import type { Gate, GateDecision } from "../../domain/gate/index.ts";
import type { LeaseDecision, Leases } from "../../domain/lease/index.ts";
import type { Admission, GatewayStage, Refused } from "../stage.ts";

export interface QuotaStageDeps {
  readonly leases: Leases;
  /** Explains what a lease refuses, and decides where the metric is not leased. */
  readonly gate: Gate;
  readonly logger: Logger;
}

const metric = "api_calls";
const allowed: Admission = { allowed: true };

const denied = (decision: LeaseDecision | GateDecision): Refused => {
  const code = decision.reason ?? "usage-limit-exceeded";
  const retryAfter = decision.retryAfterSeconds;
  return {
    allowed: false,
    status: code === "usage-limit-exceeded" ? 429 : 403,
    code,
    message:
      code === "usage-limit-exceeded"
        ? "the API calls of this period are used up"
        : "the plan of the workspace has no API calls",
    headers: retryAfter === null ? {} : { "retry-after": String(retryAfter) },
    extensions: { metric, ...decision },
  };
};

const failure = (error: unknown, logger: Logger, requestId: string): Refused => {
  logger.error({ err: error, requestId }, "the quota of API calls could not be told");
  return {
    allowed: false,
    status: 503,
    code: error instanceof AppError ? error.code : "unavailable",
    message: "the quota of API calls cannot be told at present; ask again",
    headers: { "retry-after": "1" },
  };
};

/**
 * One unit of `api_calls` for each operation that is let through, out of a lease: counted before it is used, so never over
 * the limit and never lost, and mostly without the database.
 */
export const createQuotaStage = ({ leases, gate, logger }: QuotaStageDeps): GatewayStage => {
  const explain = async (workspaceId: string, units: number, decision: LeaseDecision): Promise<Admission> => {
    const op = decision.reason === "not-leased" ? "consume" : "check";
    const explained = await gate.decide({ op, workspaceId, metric, amount: String(units) });
    if (op === "consume") return explained.allowed ? allowed : denied(explained);
    // Between the two somebody may have given back: what was refused stays refused.
    return denied(explained.allowed ? decision : explained);
  };

  const taken = (workspaceId: string, units: number, decision: LeaseDecision): Admission => ({
    allowed: true,
    undo: () => leases.putBack(workspaceId, metric, units, decision),
  });

  return {
    name: "api-call-quota",
    admit: (request) => {
      const { workspaceId, kind } = request.caller;
      if (kind === "admin" || workspaceId === undefined) return allowed;
      const units = Math.max(1, request.operations.length);
      const decision = leases.take(workspaceId, metric, units);
      if (!(decision instanceof Promise) && decision.allowed) return taken(workspaceId, units, decision);
      return Promise.resolve(decision)
        .then((made) => (made.allowed ? taken(workspaceId, units, made) : explain(workspaceId, units, made)))
        .catch((error: unknown) => failure(error, logger, request.id));
    },
  };
};
