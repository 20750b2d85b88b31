/**
 * Amounts of use: shares and how they are shown. Everything is bigint in the stored unit until it is printed.
 */
export { bytesPerGigabyte, formatAmount, formatUsage, type UsageUnit } from "./format.ts";
export { getUsagePercentage, reachesPercent } from "./percentage.ts";
