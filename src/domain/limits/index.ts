/**
 * What a plan allows of what is used: checks, warnings and the way up. Pure; the exact decision under concurrency is the
 * database's, this is the same rule for display and advice.
 */
export { checkLimit, type LimitAnswer, type LimitDenial, type LimitQuestion } from "./check.ts";
export { suggestUpgrade, type UpgradeQuestion } from "./upgrade.ts";
export {
  calculateWarnings,
  hasExceededLimits,
  type Usage,
  type UsageWarning,
  warningThresholds,
  type WarningSeverity,
} from "./warnings.ts";
