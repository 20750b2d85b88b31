/**
 * What a plan allows of what is used: checks, warnings and the way up. Pure; the exact decision under concurrency is the
 * database's, this is the same rule for display and advice.
 */
export {
  advise,
  type Advice,
  type BoughtAddOn,
  type OfferedAddOn,
  type OfferedPlan,
  type Outlook,
  type PressingMetric,
} from "./advice.ts";
export { checkLimit, type LimitAnswer, type LimitDenial, type LimitQuestion } from "./check.ts";
export { forecast, type Forecast, type MetricOutlook, type PeriodClock } from "./forecast.ts";
export { readOutlook } from "./outlook.ts";
export { suggestUpgrade, type UpgradeQuestion } from "./upgrade.ts";
export {
  calculateWarnings,
  hasExceededLimits,
  type Usage,
  type UsageWarning,
  warningThresholds,
  type WarningSeverity,
} from "./warnings.ts";
