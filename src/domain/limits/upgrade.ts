import { findPlan, getLimit, isFeatureAllowed, type Plan, type PlanCatalogue } from "../plans/index.ts";
import type { Usage } from "./warnings.ts";

export interface UpgradeQuestion {
  readonly catalogue: PlanCatalogue;
  readonly planId: string;
  /** What must fit: present use, with what is asked for on top where something is. */
  readonly usage: Usage;
  readonly features?: readonly string[];
}

const fits = ({ catalogue, usage, features = [] }: UpgradeQuestion, plan: Plan): boolean =>
  features.every((feature) => isFeatureAllowed(catalogue, plan.id, feature)) &&
  [...usage].every(([metric, used]) => {
    const lookup = getLimit(catalogue, plan.id, metric);
    if (lookup.kind === "unlimited") return true;
    return lookup.kind === "limited" ? used <= lookup.limit : used === 0n && lookup.kind === "not-included";
  });

/**
 * The first plan of a higher rank into which everything fits, not simply the next one. Null when the present plan is enough,
 * or when no plan is. An unknown present plan ranks below all.
 */
export const suggestUpgrade = (question: UpgradeQuestion): Plan | null => {
  const present = findPlan(question.catalogue, question.planId);
  if (present !== undefined && fits(question, present)) return null;
  const rank = present?.rank ?? Number.NEGATIVE_INFINITY;
  return (
    question.catalogue.plans
      .filter((plan) => plan.rank > rank && fits(question, plan))
      .sort((left, right) => left.rank - right.rank)[0] ?? null
  );
};
