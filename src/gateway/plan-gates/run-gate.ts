import { type Request, type RequestHandler, type Response } from "express";
import { AppError } from "../../core/index.ts";
import { sendOutage, sendRefusal } from "./answer.ts";
import {
  type GateEvent,
  type GateName,
  type OutagePolicy,
  type PlanGatesDeps,
  type Refusal,
} from "./types.ts";

export interface RunGateOptions {
  readonly deps: PlanGatesDeps;
  readonly gate: GateName;
  readonly onOutage: OutagePolicy | undefined;
  /** Null lets the request through; throws for an outage. */
  readonly judge: (asked: AskedGate) => Promise<Refusal | null>;
}

export interface AskedGate {
  readonly request: Request;
  readonly response: Response;
  readonly workspaceId: string;
}

const uuid = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/iu;

export const outageHeader = "x-plan-gate-outage";

/** Anything else is a mistake of somebody, and no reason to let a request through. */
export const isOutage = (error: unknown): error is AppError =>
  error instanceof AppError && error.kind === "unavailable";

export const noWorkspace = (gate: GateName): Refusal => ({
  gate,
  status: 403,
  code: "workspace-forbidden",
  reason: "This request belongs to no workspace.",
  currentPlan: null,
  upgrade: null,
  retryAfterSeconds: null,
  details: { kind: "workspace" },
});

/** Says what a gate did; a listener that fails is no reason to refuse anybody. */
export const report = ({ onDecision, logger }: PlanGatesDeps, event: GateEvent): void => {
  try {
    onDecision?.(event);
  } catch (error) {
    logger.error({ err: error }, "the listener of the plan gates failed");
  }
};

/** Lets the outage policy decide and says so in the answer, in the log and to the listener. True lets through. */
export const settleOutage = (
  { deps, gate, onOutage }: Pick<RunGateOptions, "deps" | "gate" | "onOutage">,
  error: AppError,
  response: Response,
  workspaceId: string | null,
): boolean => {
  const policy = onOutage ?? deps.onOutage ?? "refuse";
  deps.logger.warn(
    { gate, policy, workspaceId, code: error.code, err: error },
    "a plan gate could not decide",
  );
  const outcome = policy === "allow" ? "outage-allowed" : "outage-refused";
  report(deps, { gate, outcome, code: error.code, workspaceId });
  if (policy === "refuse") return false;
  if (!response.headersSent) response.append(outageHeader, gate);
  return true;
};

/** The frame of all gates: whose request it is, the decision, and what an outage means. */
export const runGate = (options: RunGateOptions): RequestHandler => {
  const { deps, gate, judge } = options;
  const refuse = (response: Response, refusal: Refusal, workspaceId: string | null): void => {
    report(deps, { gate, outcome: "refused", code: refusal.code, workspaceId });
    sendRefusal(response, refusal, deps.upgradeUrl);
  };
  return async (request, response, next) => {
    let workspaceId: string | null = null;
    try {
      const named = await deps.workspaceOf(request);
      if (named === null || !uuid.test(named)) {
        refuse(response, noWorkspace(gate), null);
        return;
      }
      workspaceId = named.toLowerCase();
      const refusal = await judge({ request, response, workspaceId });
      if (refusal !== null) {
        refuse(response, refusal, workspaceId);
        return;
      }
      report(deps, { gate, outcome: "allowed", code: null, workspaceId });
    } catch (error) {
      if (!isOutage(error)) throw error;
      if (!settleOutage(options, error, response, workspaceId)) {
        sendOutage(response, error.code);
        return;
      }
    }
    next();
  };
};
