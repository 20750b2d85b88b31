import { type Response } from "express";
import { type GateDecision } from "../../domain/gate/index.ts";

/** A name as a string of RFC 8941: what it cannot hold is left out. */
const quoted = (name: string): string => `"${name.replace(/[^\x20-\x21\x23-\x5b\x5d-\x7e]/gu, "")}"`;

export interface Quota {
  readonly name: string;
  readonly limit: bigint;
  readonly remaining: bigint;
  readonly windowSeconds: number | null;
  readonly resetSeconds: number | null;
}

// Structured fields hold integers of 15 digits at most.
const bounded = (value: bigint): string =>
  String(value > 999_999_999_999_999n ? 999_999_999_999_999n : value);

const parameters = (pairs: readonly (readonly [string, string | null])[]): string =>
  pairs
    .filter(([, value]) => value !== null)
    .map(([key, value]) => `;${key}=${value ?? ""}`)
    .join("");

const seconds = (value: number | null): string | null => (value === null ? null : String(Math.max(0, value)));

/** The fields of the IETF draft; a route with several gates gets one member of the list for each. */
export const setQuotaHeaders = (response: Response, quota: Quota): void => {
  if (response.headersSent) return;
  const { name, limit, remaining, windowSeconds, resetSeconds } = quota;
  response.append(
    "ratelimit-policy",
    quoted(name) +
      parameters([
        ["q", bounded(limit)],
        ["w", seconds(windowSeconds)],
      ]),
  );
  response.append(
    "ratelimit",
    quoted(name) +
      parameters([
        ["r", bounded(remaining)],
        ["t", seconds(resetSeconds)],
      ]),
  );
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
