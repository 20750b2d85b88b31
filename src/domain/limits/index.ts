/**
 * Compares use with what a plan allows: checks, warnings, forecasts and upgrades. For display and advice; the exact decision
 * under concurrency is the database's.
 */
export {
  advise,
  type Advice,
  type BoughtAddOn,
  type OfferedAddOn,
  type OfferedPlan,
  type ForecastData,
  type PressingMetric,
} from "./advice.ts";
export { checkLimit, type LimitAnswer, type LimitDenial, type LimitQuestion } from "./check.ts";
export { forecast, type Forecast, type MetricForecastData, type PeriodClock } from "./forecast.ts";
export { readForecastData } from "./forecast-data.ts";
export { suggestUpgrade, type UpgradeQuestion } from "./upgrade.ts";
export {
  calculateWarnings,
  hasExceededLimits,
  type Usage,
  type UsageWarning,
  warningThresholds,
  type WarningSeverity,
} from "./warnings.ts";
