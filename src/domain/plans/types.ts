export type Enforcement = "hard" | "soft";

/** The most of a metric that a plan allows, in the unit of the metric. */
export interface PlanLimit {
  readonly metric: string;
  /** Null is unlimited; what a plan does not include has no `PlanLimit` at all. */
  readonly limit: bigint | null;
  readonly enforcement: Enforcement;
  /** How much above a soft limit is let through; absent is no ceiling. */
  readonly overageCap?: bigint;
}

export interface Plan {
  readonly id: string;
  readonly name: string;
  readonly rank: number;
  readonly priceCents: number;
  readonly yearlyPriceCents: number;
  /** Tells a price of 0 that means "ask us" from one that means "free". */
  readonly priceOnRequest: boolean;
  readonly rateLimitPerMinute: number;
  /** Largest single upload; null is unlimited. */
  readonly maxFileBytes: bigint | null;
  readonly features: ReadonlySet<string>;
  readonly limits: ReadonlyMap<string, PlanLimit>;
}

/** Everything that can be sold, as one consistent picture. */
export interface PlanCatalogue {
  /** By rank, lowest first. */
  readonly plans: readonly Plan[];
  /** Keys of all known metrics: a name outside is a mistake, not an unlimited metric. */
  readonly metrics: ReadonlySet<string>;
  /** Keys of all known features. */
  readonly features: ReadonlySet<string>;
}
