import { type Request, type RequestHandler } from "express";
import { type RateAnswer, type RateStore, type WindowState } from "../../domain/rate-limit/index.ts";
import { olderRateHeaders, waitSeconds } from "../rate-limit/rate-fields.ts";
import { setQuotaHeaders } from "./headers.ts";
import { noWorkspace, outageHeader, runGate } from "./run-gate.ts";
import { type RequestStandings } from "./standing-of-request.ts";
import { type GateOptions, type PlanGatesDeps } from "./types.ts";

export interface CheckRateOptions extends GateOptions {
  /** What a request weighs; 1 unless set. */
  readonly cost?: number | ((request: Request) => number);
}

const windowSeconds = 60;

const windowOf = ({ windows }: RateAnswer): WindowState => {
  const [state] = windows;
  if (state === undefined) throw new Error("the store of the rate limits answered for no window");
  return state;
};

/** Requests a minute by plan, over all routes of one workspace that carry this gate. A refused request costs nothing. */
export const checkRate = (
  deps: PlanGatesDeps,
  standings: RequestStandings,
  store: RateStore,
  { cost = 1, onOutage }: CheckRateOptions,
): RequestHandler =>
  runGate({
    deps,
    gate: "rate",
    onOutage,
    judge: async ({ request, response, workspaceId }) => {
      const standing = await standings.read(request, workspaceId);
      if (standing === null) return noWorkspace("rate");
      const limit = standing.requestsPerMinute;
      if (limit === null) return null;
      const answer = await store.take({
        group: workspaceId,
        windows: [{ key: `routes:${workspaceId}`, limit }],
        weight: typeof cost === "function" ? cost(request) : cost,
      });
      const { used, nextFreeMs, waitMs } = windowOf(answer);
      const remaining = Math.max(0, limit - used);
      const resetSeconds = waitSeconds(nextFreeMs) ?? windowSeconds;
      setQuotaHeaders(response, { name: "requests", limit, remaining, windowSeconds, resetSeconds });
      response.set(olderRateHeaders({ limit, remaining }, resetSeconds, deps.clock.now().getTime()));
      if (answer.store === "local") response.append(outageHeader, "rate");
      if (answer.allowed) return null;
      return {
        gate: "rate",
        status: 429,
        code: "rate-limited",
        reason: `The plan ${standing.plan.name} allows ${String(limit)} requests a minute.`,
        currentPlan: { id: standing.plan.id, name: standing.plan.name },
        upgrade: (await standings.wayOut(workspaceId, { kind: "rate", requestsPerMinute: limit })).upgrade,
        retryAfterSeconds: waitSeconds(waitMs) ?? null,
        details: { kind: "rate", limit, remaining, windowSeconds },
      };
    },
  });
