/**
 * Share of a limit in percent with two decimals; null when unlimited. Rounded down, so that 100 means reached, and above 100
 * after a downgrade. A limit of 0 is at 0 without use and at 100 with any.
 */
export const getUsagePercentage = (used: bigint, limit: bigint | null): number | null => {
  if (limit === null) return null;
  if (used <= 0n) return 0;
  if (limit <= 0n) return 100;
  return Number((used * 10_000n) / limit) / 100;
};

/** Whether `used` is at `percent` of `limit` or above, without rounding anything. */
export const reachesPercent = (used: bigint, limit: bigint, percent: bigint): boolean =>
  used > 0n && used * 100n >= limit * percent;
