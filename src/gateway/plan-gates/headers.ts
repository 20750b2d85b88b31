import { type Response } from "express";
import { type GateDecision } from "../../domain/gate/index.ts";
import { limitMember, policyMember, type RateMember } from "../rate-limit/rate-fields.ts";

/** The fields of the IETF draft; a route with several gates gets one member of the list for each. */
export const setQuotaHeaders = (response: Response, quota: RateMember): void => {
  if (response.headersSent) return;
  response.append("ratelimit-policy", policyMember(quota));
  response.append("ratelimit", limitMember(quota));
};

/** From here on a client is told that the end is near, in percent. */
const warnFrom = 90n;

/** What a decision on use says in headers: the quota, and from 90 percent on a warning. Nothing for what is unlimited. */
export const setUsageHeaders = (response: Response, decision: GateDecision, now: Date): void => {
  if (response.headersSent || decision.limit === null || decision.metric === null) return;
  const limit = BigInt(decision.limit);
  const used = BigInt(decision.used ?? 0) + BigInt(decision.reserved ?? 0);
  const resetSeconds =
    decision.resetsAt === null
      ? null
      : Math.ceil((new Date(decision.resetsAt).getTime() - now.getTime()) / 1000);
  setQuotaHeaders(response, {
    name: decision.metric,
    limit,
    remaining: BigInt(decision.remaining ?? 0),
    windowSeconds: null,
    resetSeconds,
  });
  if (limit === 0n || used * 100n < limit * warnFrom) return;
  response.set("x-usage-warning", decision.metric);
  response.set("x-usage-percentage", String((used * 100n) / limit));
  response.set("x-usage-limit", String(limit));
};
