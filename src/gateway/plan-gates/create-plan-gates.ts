import { type Request, type RequestHandler } from "express";
import { createStandingReader, type Standing } from "../../domain/plans/index.ts";
import { createMemoryStore } from "../../domain/rate-limit/index.ts";
import { checkRate, type CheckRateOptions } from "./check-rate.ts";
import { checkUpload, type CheckUploadOptions } from "./check-upload.ts";
import { checkUsage, type CheckUsageOptions } from "./check-usage.ts";
import { judgeFeature, judgeMinimumPlan } from "./plan-checks.ts";
import { runGate } from "./run-gate.ts";
import { createRequestStandings } from "./standing-of-request.ts";
import { type GateOptions, type PlanGatesDeps } from "./types.ts";

/** Middleware for any route: each lets a request through or answers it, with one body for all refusals. */
export interface PlanGates {
  requireFeature(feature: string, options?: GateOptions): RequestHandler;
  requireMinimumPlan(planId: string, options?: GateOptions): RequestHandler;
  checkUsageLimit(metric: string, options?: CheckUsageOptions): RequestHandler;
  checkFileUploadSize(options?: CheckUploadOptions): RequestHandler;
  checkPlanRateLimit(options?: CheckRateOptions): RequestHandler;
  /** What the plan of a workspace has, for a handler that decides more finely; null for an unknown workspace. */
  standingOf(request: Request): Promise<Standing | null>;
}

export const createPlanGates = (deps: PlanGatesDeps): PlanGates => {
  const standings = createRequestStandings(createStandingReader({ database: deps.database }));
  const rates =
    deps.rateStore ?? createMemoryStore({ clock: deps.clock, elapsedMs: () => performance.now() });
  return {
    requireFeature: (feature, { onOutage } = {}) =>
      runGate({ deps, gate: "feature", onOutage, judge: judgeFeature(standings, feature) }),
    requireMinimumPlan: (planId, { onOutage } = {}) =>
      runGate({ deps, gate: "plan", onOutage, judge: judgeMinimumPlan(standings, planId) }),
    checkUsageLimit: (metric, options = {}) => checkUsage(deps, standings, metric, options),
    checkFileUploadSize: (options = {}) => checkUpload(deps, standings, options),
    checkPlanRateLimit: (options = {}) => checkRate(deps, standings, rates, options),
    standingOf: async (request) => {
      const workspaceId = await deps.workspaceOf(request);
      return workspaceId === null ? null : standings.read(request, workspaceId);
    },
  };
};
