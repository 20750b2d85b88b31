import { type Request, type RequestHandler } from "express";
import { type RateAnswer, type RateStore } from "../../domain/rate-limit/index.ts";
import { setQuotaHeaders } from "./headers.ts";
import { noWorkspace, outageHeader, runGate } from "./run-gate.ts";
import { type RequestStandings } from "./standing-of-request.ts";
import { type GateOptions, type PlanGatesDeps } from "./types.ts";

export interface CheckRateOptions extends GateOptions {
  /** What a request weighs; 1 unless set. */
  readonly cost?: number | ((request: Request) => number);
}

const windowSeconds = 60;

const inSeconds = (ms: number): number | null =>
  Number.isFinite(ms) ? Math.max(1, Math.ceil(ms / 1000)) : null;

interface Window {
  readonly limit: number;
  readonly remaining: number;
  readonly resetSeconds: number;
  readonly waitSeconds: number | null;
}

const windowOf = (answer: RateAnswer, limit: number): Window => {
  const state = answer.windows[0];
  if (state === undefined) throw new Error("the store of the rate limits answered for no window");
  return {
    limit,
    remaining: Math.max(0, limit - state.used),
    resetSeconds: inSeconds(state.nextFreeMs) ?? windowSeconds,
    waitSeconds: inSeconds(state.waitMs),
  };
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
      const { remaining, resetSeconds, waitSeconds } = windowOf(answer, limit);
      setQuotaHeaders(response, {
        name: "requests",
        limit: BigInt(limit),
        remaining: BigInt(remaining),
        windowSeconds,
        resetSeconds,
      });
      response.set({
        "x-ratelimit-limit": String(limit),
        "x-ratelimit-remaining": String(remaining),
        "x-ratelimit-reset": String(Math.ceil(deps.clock.now().getTime() / 1000) + resetSeconds),
      });
      if (answer.store === "local") response.append(outageHeader, "rate");
      if (answer.allowed) return null;
      return {
        gate: "rate",
        status: 429,
        code: "rate-limited",
        reason: `The plan ${standing.plan.name} allows ${String(limit)} requests a minute.`,
        currentPlan: { id: standing.plan.id, name: standing.plan.name },
        upgrade: (await standings.wayOut(workspaceId, { kind: "rate", requestsPerMinute: limit })).upgrade,
        retryAfterSeconds: waitSeconds,
        details: { kind: "rate", limit, remaining, windowSeconds },
      };
    },
  });
