import { type Request, type RequestHandler, type Response } from "express";
import { AppError } from "../../core/index.ts";
import { type GateDecision, type GateRequest } from "../../domain/gate/index.ts";
import { setUsageHeaders } from "./headers.ts";
import { type AskedGate, runGate } from "./run-gate.ts";
import { type RequestStandings } from "./standing-of-request.ts";
import { type GateOptions, type PlanGatesDeps, type Refusal } from "./types.ts";
import { holdAround } from "./usage-hold.ts";

type Amount = number | bigint;

export interface CheckUsageOptions extends GateOptions {
  /** 1 unless set. */
  readonly amount?: Amount | ((request: Request) => Amount | Promise<Amount>);
  /**
   * "check" asks only, for what something else counts, such as rows of a metered table. "consume" counts before the handler. "reserve"
   * holds the amount while the handler runs, counts it before the end of an answer below 400 is sent, and gives it back otherwise.
   */
  readonly mode?: "check" | "consume" | "reserve";
  /** A repeat with the same key is not counted again. */
  readonly idempotencyKey?: (request: Request) => string | null;
  /** Of a hold, which is extended as long as the handler runs; 300 unless set. */
  readonly ttlSeconds?: number;
  /** What of the hold was used, known when the handler is done; all of it unless set. */
  readonly usedAmount?: (request: Request, response: Response) => Amount;
}

const statusOf: Readonly<Record<string, number>> = {
  "usage-limit-exceeded": 429,
  "budget-exceeded": 429,
  "idempotency-conflict": 409,
  "reservation-expired": 409,
  "reservation-not-found": 409,
  "invalid-input": 400,
};

/** A denied decision as a refusal; one that only a mistake in the code can cause is an error. */
export const toRefusal = (
  metric: string,
  decision: GateDecision,
  currentPlan: Refusal["currentPlan"],
): Refusal => {
  const code = decision.reason ?? "usage-limit-exceeded";
  if (code === "row-metered") {
    throw new AppError({
      kind: "internal",
      code,
      message: `rows of a table feed the metric ${metric}: a route can only check it`,
    });
  }
  return {
    gate: "usage",
    status: statusOf[code] ?? 403,
    code,
    reason: decision.message ?? `usage of ${metric} refused: ${code}`,
    currentPlan,
    upgrade: decision.upgrade,
    retryAfterSeconds: decision.retryAfterSeconds,
    details: {
      kind: "usage",
      metric,
      amount: decision.amount,
      used: decision.used,
      reserved: decision.reserved,
      limit: decision.limit,
      remaining: decision.remaining,
      resetsAt: decision.resetsAt,
      limitedBy: decision.limitedBy,
    },
  };
};

export const checkUsage = (
  deps: PlanGatesDeps,
  standings: RequestStandings,
  metric: string,
  options: CheckUsageOptions,
): RequestHandler => {
  const { mode = "check", amount = 1, idempotencyKey, ttlSeconds = 300 } = options;
  const asRefusal = async ({ request, workspaceId }: AskedGate, decision: GateDecision): Promise<Refusal> =>
    toRefusal(metric, decision, await standings.currentPlan(request, workspaceId));
  const requestOf = async ({ request, workspaceId }: AskedGate): Promise<GateRequest> => ({
    op: mode,
    workspaceId,
    metric,
    amount: String(typeof amount === "function" ? await amount(request) : amount),
    ...(mode === "check" ? {} : { idempotencyKey: idempotencyKey?.(request) ?? null }),
    ...(mode === "reserve" ? { ttlSeconds } : {}),
  });
  return runGate({
    deps,
    gate: "usage",
    onOutage: options.onOutage,
    judge: async (asked) => {
      const decision = await deps.gate.decide(await requestOf(asked));
      setUsageHeaders(asked.response, decision, deps.clock.now());
      if (!decision.allowed) return asRefusal(asked, decision);
      if (mode === "reserve" && decision.reservationId !== null) {
        holdAround({
          deps,
          onOutage: options.onOutage,
          asked,
          reservationId: decision.reservationId,
          ttlSeconds,
          usedAmount: () => options.usedAmount?.(asked.request, asked.response),
          asRefusal: (refused) => asRefusal(asked, refused),
        });
      }
      return null;
    },
  });
};
