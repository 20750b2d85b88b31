import type { PolicyState, RateDecision } from "../../domain/rate-limit/index.ts";
import { limitMember, olderRateHeaders, policyMember, type RateMember, waitSeconds } from "./rate-fields.ts";

const windowSeconds = 60;

const memberOf = ({ policy, limit, used, nextFreeMs }: PolicyState): RateMember => ({
  name: policy,
  limit,
  remaining: Math.max(0, limit - used),
  windowSeconds,
  // No window ends after its own length.
  resetSeconds: Math.min(windowSeconds, Math.max(0, Math.ceil(nextFreeMs / 1000))),
});

/** Seconds until the request would pass; undefined where waiting does not help. */
export const retryAfterSeconds = ({ refusedBy }: RateDecision): number | undefined =>
  refusedBy === undefined ? undefined : waitSeconds(refusedBy.waitMs);

/**
 * `RateLimit` and `RateLimit-Policy`, the tightest policy first, `t` the time in which no more than `r` can be had. The parameters
 * behind the vendor's prefix say the same to readers of the drafts before -08, such as the package ratelimit-header-parser.
 * `X-RateLimit-*` speak of the tightest.
 */
export const rateHeaders = (decision: RateDecision, nowMs: number): Record<string, string> => {
  const { policies } = decision;
  const retryAfter = retryAfterSeconds(decision);
  // A refusal is about the policy that keeps the request out longest, not the one with the least left.
  const tightest = decision.refusedBy ?? policies[0];
  if (tightest === undefined) return {};
  const first = memberOf(tightest);
  const reset = retryAfter ?? first.resetSeconds ?? windowSeconds;
  let limit = `${limitMember(first)};hu-limit=${String(first.limit)};hu-remaining=${String(first.remaining)};hu-reset=${String(reset)}`;
  let policy = policyMember(first);
  for (const other of policies) {
    if (other === tightest) continue;
    const member = memberOf(other);
    limit += `, ${limitMember(member)}`;
    policy += `, ${policyMember(member)}`;
  }
  const headers = olderRateHeaders(first, reset, nowMs);
  headers["ratelimit"] = limit;
  headers["ratelimit-policy"] = policy;
  if (retryAfter !== undefined) headers["retry-after"] = String(retryAfter);
  if (decision.store === "local") headers["x-ratelimit-store"] = "local";
  return headers;
};
