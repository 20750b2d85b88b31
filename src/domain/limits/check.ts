import { AppError } from "../../core/index.ts";
import type { LimitLookup } from "../plans/index.ts";
import { getUsagePercentage } from "../usage/index.ts";

export type LimitDenial = "usage-limit-exceeded" | "feature-not-in-plan" | "unknown-metric" | "plan-required";

export interface LimitQuestion {
  readonly lookup: LimitLookup;
  /** In the plan of a subscription that is paused, cancelled or over, where there is no live one. */
  readonly lapsed?: LimitLookup;
  readonly used: bigint;
  /** Held by reservations that are neither committed nor over. */
  readonly reserved?: bigint;
  readonly amount?: bigint;
}

export interface LimitAnswer {
  readonly allowed: boolean;
  readonly reason: LimitDenial | null;
  /** Null is unlimited. */
  readonly limit: bigint | null;
  /** Null is unlimited; never below 0. */
  readonly remaining: bigint | null;
  /** Of what is used before the amount; null is unlimited. */
  readonly percentage: number | null;
}

const denied = (reason: LimitDenial): LimitAnswer => ({
  allowed: false,
  reason,
  limit: 0n,
  remaining: 0n,
  percentage: 0,
});

/** Whether an amount fits: yes if it ends at or below the limit. What is not known to be included is denied. */
export const checkLimit = ({
  lookup,
  lapsed,
  used,
  reserved = 0n,
  amount = 1n,
}: LimitQuestion): LimitAnswer => {
  if (amount < 0n || used < 0n || reserved < 0n) {
    throw new AppError({
      kind: "invalid-input",
      code: "invalid-input",
      message: "amounts must not be negative",
    });
  }
  switch (lookup.kind) {
    case "unknown-metric":
      return denied("unknown-metric");
    case "unknown-plan":
      return denied("plan-required");
    case "not-included":
      return denied(
        lapsed?.kind === "limited" || lapsed?.kind === "unlimited" ? "plan-required" : "feature-not-in-plan",
      );
    case "unlimited":
      return { allowed: true, reason: null, limit: null, remaining: null, percentage: null };
    case "limited": {
      const { limit, enforcement, overageCap } = lookup;
      const taken = used + reserved;
      const isOpen = enforcement === "soft" && overageCap === undefined;
      const fits = amount === 0n || isOpen || taken + amount <= limit + (overageCap ?? 0n);
      return {
        allowed: fits,
        reason: fits ? null : "usage-limit-exceeded",
        limit,
        remaining: limit > taken ? limit - taken : 0n,
        percentage: getUsagePercentage(used, limit),
      };
    }
  }
};
