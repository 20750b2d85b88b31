import type { Enforcement, Plan, PlanCatalogue } from "./types.ts";

/** What a plan says about a metric. Only `unlimited` means no limit; nothing else may be read as one. */
export type LimitLookup =
  | {
      readonly kind: "limited";
      readonly limit: bigint;
      readonly enforcement: Enforcement;
      readonly overageCap?: bigint;
    }
  | { readonly kind: "unlimited" }
  | { readonly kind: "not-included" }
  | { readonly kind: "unknown-metric" }
  | { readonly kind: "unknown-plan" };

export const findPlan = (catalogue: PlanCatalogue, planId: string): Plan | undefined =>
  catalogue.plans.find((plan) => plan.id === planId);

/** False for everything that is not a feature of that plan, unknown names included. */
export const isFeatureAllowed = (catalogue: PlanCatalogue, planId: string, feature: string): boolean =>
  catalogue.features.has(feature) && findPlan(catalogue, planId)?.features.has(feature) === true;

export const getLimit = (catalogue: PlanCatalogue, planId: string, metric: string): LimitLookup => {
  if (!catalogue.metrics.has(metric)) return { kind: "unknown-metric" };
  const plan = findPlan(catalogue, planId);
  if (plan === undefined) return { kind: "unknown-plan" };
  const entry = plan.limits.get(metric);
  if (entry === undefined) return { kind: "not-included" };
  if (entry.limit === null) return { kind: "unlimited" };
  const { limit, enforcement, overageCap } = entry;
  return { kind: "limited", limit, enforcement, ...(overageCap === undefined ? {} : { overageCap }) };
};

export const comparePlans = (from: Plan, to: Plan): "upgrade" | "downgrade" | "same" => {
  if (from.rank === to.rank) return "same";
  return to.rank > from.rank ? "upgrade" : "downgrade";
};
