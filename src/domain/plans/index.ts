/**
 * What can be bought: plans, their features, limits and prices. Owns the catalogue and how it is read; knows nothing of use.
 */
export { comparePlans, findPlan, getLimit, isFeatureAllowed, type LimitLookup } from "./lookup.ts";
export { formatPrice, yearlySavingCents } from "./price.ts";
export { createPlanRepository, type PlanRepository } from "./repository.ts";
export {
  createStandingReader,
  type Need,
  type Offer,
  type Standing,
  type StandingReader,
  type WayOut,
} from "./standing.ts";
export type { Enforcement, Plan, PlanCatalogue, PlanLimit } from "./types.ts";
