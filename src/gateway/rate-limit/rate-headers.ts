import type { PolicyState, RateDecision } from "../../domain/rate-limit/index.ts";

const windowSeconds = 60;

const left = ({ limit, used }: PolicyState): number => Math.max(0, limit - used);

/** Whole seconds, and no window ends after its own length. */
const seconds = (ms: number): number => Math.min(windowSeconds, Math.max(0, Math.ceil(ms / 1000)));

/** Seconds until the request would pass; undefined where waiting does not help. */
export const retryAfterSeconds = ({ refusedBy }: RateDecision): number | undefined =>
  refusedBy === undefined || !Number.isFinite(refusedBy.waitMs)
    ? undefined
    : Math.max(1, seconds(refusedBy.waitMs));

/**
 * `RateLimit` and `RateLimit-Policy` as draft-ietf-httpapi-ratelimit-headers-11 has them: the tightest policy first, `t` the
 * time in which no more than `r` can be had. The parameters behind the vendor's prefix say the same to readers of the
 * drafts before -08, such as the package ratelimit-header-parser. `X-RateLimit-*` speak of the tightest, `Reset` in Unix time.
 */
export const rateHeaders = (decision: RateDecision, nowMs: number): Record<string, string> => {
  const { policies } = decision;
  const retryAfter = retryAfterSeconds(decision);
  // A refusal is about the policy that keeps the request out longest, not the one with the least left.
  const first = decision.refusedBy ?? policies[0];
  if (first === undefined) return {};
  const t = seconds(first.nextFreeMs);
  const reset = retryAfter ?? t;
  let limit = `"${first.policy}";r=${String(left(first))};t=${String(t)};hu-limit=${String(first.limit)};hu-remaining=${String(left(first))};hu-reset=${String(reset)}`;
  let policy = `"${first.policy}";q=${String(first.limit)};w=60`;
  for (const other of policies) {
    if (other === first) continue;
    limit += `, "${other.policy}";r=${String(left(other))};t=${String(seconds(other.nextFreeMs))}`;
    policy += `, "${other.policy}";q=${String(other.limit)};w=60`;
  }
  const headers: Record<string, string> = {
    ratelimit: limit,
    "ratelimit-policy": policy,
    "x-ratelimit-limit": String(first.limit),
    "x-ratelimit-remaining": String(left(first)),
    "x-ratelimit-reset": String(Math.ceil(nowMs / 1000) + reset),
  };
  if (retryAfter !== undefined) headers["retry-after"] = String(retryAfter);
  if (decision.store === "local") headers["x-ratelimit-store"] = "local";
  return headers;
};
