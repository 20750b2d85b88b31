import { getLimit, type PlanCatalogue } from "../plans/index.ts";
import { getUsagePercentage, reachesPercent } from "../usage/index.ts";

/** Use by metric, in stored units. */
export type Usage = ReadonlyMap<string, bigint>;

export type WarningSeverity = "info" | "warning" | "critical";

export interface UsageWarning {
  readonly metric: string;
  readonly used: bigint;
  readonly limit: bigint;
  readonly percentage: number;
  readonly severity: WarningSeverity;
}

export const warningThresholds: readonly { readonly percent: bigint; readonly severity: WarningSeverity }[] =
  [
    { percent: 100n, severity: "critical" },
    { percent: 90n, severity: "warning" },
    { percent: 75n, severity: "info" },
  ];

/** A metric that is not included counts as limit 0: use of it is beyond the plan. Null has nothing to compare with. */
const comparableLimit = (catalogue: PlanCatalogue, planId: string, metric: string): bigint | null => {
  const lookup = getLimit(catalogue, planId, metric);
  if (lookup.kind === "limited") return lookup.limit;
  return lookup.kind === "not-included" ? 0n : null;
};

/** Every metric at 75 percent or above, the fullest first. Compares exactly: 89.999 percent is still info. */
export const calculateWarnings = (
  catalogue: PlanCatalogue,
  planId: string,
  usage: Usage,
): readonly UsageWarning[] =>
  [...usage]
    .flatMap(([metric, used]) => {
      const limit = comparableLimit(catalogue, planId, metric);
      if (limit === null) return [];
      const reached = warningThresholds.find(({ percent }) => reachesPercent(used, limit, percent));
      if (reached === undefined) return [];
      return [
        { metric, used, limit, percentage: getUsagePercentage(used, limit) ?? 0, severity: reached.severity },
      ];
    })
    .sort((left, right) => right.percentage - left.percentage || left.metric.localeCompare(right.metric));

/** Whether any metric is beyond its limit; exactly at the limit is within it. */
export const hasExceededLimits = (catalogue: PlanCatalogue, planId: string, usage: Usage): boolean =>
  [...usage].some(([metric, used]) => {
    const limit = comparableLimit(catalogue, planId, metric);
    return limit !== null && used > limit;
  });
