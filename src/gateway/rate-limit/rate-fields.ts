/** One member of the fields `RateLimit` and `RateLimit-Policy`. */
export interface RateMember {
  readonly name: string;
  readonly limit: number | bigint;
  readonly remaining: number | bigint;
  /** Null where the window has no fixed length. */
  readonly windowSeconds: number | null;
  /** Within which no more than `remaining` can be had; null where that does not end. */
  readonly resetSeconds: number | null;
}

const unquotable = /[^\x20-\x21\x23-\x5b\x5d-\x7e]/gu;

/** A name as a string of RFC 8941: what it cannot hold is left out. */
const quoted = (name: string): string => `"${name.replace(unquotable, "")}"`;

/** Structured fields hold integers of 15 digits at most. */
const largest = 999_999_999_999_999;
const integer = (value: number | bigint): string => String(value > largest ? largest : value);

const parameter = (key: string, value: number | null): string =>
  value === null ? "" : `;${key}=${integer(Math.max(0, value))}`;

/** A member of `RateLimit-Policy` as draft-ietf-httpapi-ratelimit-headers-11 has it. */
export const policyMember = ({ name, limit, windowSeconds }: RateMember): string =>
  `${quoted(name)};q=${integer(limit)}${parameter("w", windowSeconds)}`;

/** A member of `RateLimit` of the same draft. */
export const limitMember = ({ name, remaining, resetSeconds }: RateMember): string =>
  `${quoted(name)};r=${integer(remaining)}${parameter("t", resetSeconds)}`;

/** What was in use before the draft; `Reset` in Unix seconds. */
export const olderRateHeaders = (
  { limit, remaining }: Pick<RateMember, "limit" | "remaining">,
  resetSeconds: number,
  nowMs: number,
): Record<string, string> => ({
  "x-ratelimit-limit": String(limit),
  "x-ratelimit-remaining": String(remaining),
  "x-ratelimit-reset": String(Math.ceil(nowMs / 1000) + resetSeconds),
});

/** Whole seconds until a wait is over, at least one; undefined where waiting does not help. */
export const waitSeconds = (waitMs: number): number | undefined =>
  Number.isFinite(waitMs) ? Math.max(1, Math.ceil(waitMs / 1000)) : undefined;
