import { reachesPercent } from "../usage/index.ts";
import { forecast, type MetricForecastData, type PeriodClock } from "./forecast.ts";

export interface OfferedPlan {
  readonly planId: string;
  readonly name: string;
  readonly rank: number;
  readonly priceCents: number;
  readonly priceOnRequest: boolean;
  /** By metric; null is unlimited, a metric without an entry is not included. */
  readonly limits: ReadonlyMap<string, bigint | null>;
}

export interface OfferedAddOn {
  readonly addOnId: string;
  readonly name: string;
  readonly metric: string;
  readonly amount: bigint;
  readonly priceCents: number;
}

/** What `advise` decides from, read in one statement. */
export interface ForecastData extends PeriodClock {
  readonly plan: { readonly planId: string; readonly rank: number; readonly priceCents: number };
  readonly metrics: readonly MetricForecastData[];
  /** The price list without the present plan. */
  readonly plans: readonly OfferedPlan[];
  readonly addOns: readonly OfferedAddOn[];
  /** What the add-ons that stay on a change of plan add to a limit, by metric. */
  readonly kept: ReadonlyMap<string, bigint>;
  /** Metrics whose limit is an override, to which add-ons add nothing. */
  readonly overridden: ReadonlySet<string>;
}

export interface PressingMetric {
  readonly metric: string;
  /** full: the limit is reached; near: at 75 percent or above; forecast: the limit will be reached before the period ends. */
  readonly reason: "full" | "near" | "forecast";
  readonly used: bigint;
  readonly reserved: bigint;
  readonly limit: bigint;
  readonly projected: bigint;
  readonly fullAtMs: number | null;
}

export interface BoughtAddOn {
  readonly addOnId: string;
  readonly name: string;
  readonly quantity: number;
  readonly priceCents: number;
}

export interface Advice {
  readonly recommendation: "none" | "plan" | "add-ons" | "downgrade";
  readonly why: string;
  readonly pressing: readonly PressingMetric[];
  readonly upgrade: OfferedPlan | null;
  /** What to buy to stay on the present plan; empty where no add-ons suffice. */
  readonly addOns: readonly BoughtAddOn[];
  readonly downgrade: OfferedPlan | null;
}

interface Need {
  readonly data: MetricForecastData;
  readonly projected: bigint;
  readonly pressing: PressingMetric | null;
  /** What a limit must allow, with a tenth of headroom where `pressing` is set. */
  readonly amount: bigint;
}

/** Past periods of low use before a downgrade is suggested. */
const quietPeriods = 3;
const maxQuantity = 1_000_000n;

const percentUp = (amount: bigint, percent: bigint): bigint => (amount * (100n + percent) + 99n) / 100n;

const needOf = (data: MetricForecastData, clock: PeriodClock): Need => {
  const { metric, used, reserved, limit } = data;
  const { projected, fullAtMs } = forecast(data, clock);
  const taken = used + reserved;
  const reason =
    limit === null
      ? null
      : taken > 0n && taken >= limit
        ? "full"
        : reachesPercent(taken, limit, 75n)
          ? "near"
          : fullAtMs !== null
            ? "forecast"
            : null;
  return {
    data,
    projected,
    pressing:
      reason === null || limit === null
        ? null
        : { metric, reason, used, reserved, limit, projected, fullAtMs },
    amount: reason === null ? projected : percentUp(projected > taken ? projected : taken + 1n, 10n),
  };
};

/** Null is unlimited; undefined is not included. */
const limitOn = (
  plan: OfferedPlan,
  metric: string,
  kept: ForecastData["kept"],
): bigint | null | undefined => {
  const own = plan.limits.get(metric);
  const added = kept.get(metric);
  if (own === undefined) return added;
  return own === null ? null : own + (added ?? 0n);
};

const allows = (limit: bigint | null | undefined, amount: bigint): boolean =>
  limit === null || (limit === undefined ? amount === 0n : amount <= limit);

const byPrice = (left: OfferedPlan, right: OfferedPlan): number =>
  Number(left.priceOnRequest) - Number(right.priceOnRequest) ||
  left.priceCents - right.priceCents ||
  left.rank - right.rank;

const cheapestUpgrade = ({ plan, plans, kept }: ForecastData, needs: readonly Need[]): OfferedPlan | null =>
  plans
    .filter(
      (candidate) =>
        candidate.rank > plan.rank &&
        needs.every(({ data, pressing, amount }) => {
          const limit = limitOn(candidate, data.metric, kept);
          const isMore = limit === null || pressing === null || (limit ?? 0n) > pressing.limit;
          return isMore && allows(limit, amount);
        }),
    )
    .sort(byPrice)[0] ?? null;

const cheapestAddOns = (
  { addOns, overridden }: ForecastData,
  needs: readonly Need[],
): readonly BoughtAddOn[] => {
  const bought = needs.flatMap(({ pressing, amount }) => {
    if (pressing === null) return [];
    if (overridden.has(pressing.metric)) return [null];
    const [best] = addOns
      .filter(({ metric }) => metric === pressing.metric)
      .map((addOn) => ({ addOn, quantity: (amount - pressing.limit + addOn.amount - 1n) / addOn.amount }))
      .filter(({ quantity }) => quantity >= 1n && quantity <= maxQuantity)
      .map(({ addOn: { addOnId, name, priceCents }, quantity }) => ({
        addOnId,
        name,
        quantity: Number(quantity),
        priceCents: Number(quantity) * priceCents,
      }))
      .sort((left, right) => left.priceCents - right.priceCents || left.quantity - right.quantity);
    return [best ?? null];
  });
  return bought.every((offer) => offer !== null) ? bought : [];
};

/** A cheaper plan that allows twice the use of this period's forecast and of each of the last three periods. */
const quietDowngrade = ({ plan, plans, kept }: ForecastData, needs: readonly Need[]): OfferedPlan | null => {
  const periods = Math.max(...needs.map(({ data }) => data.history.length), 0);
  if (periods < quietPeriods || needs.some(({ pressing }) => pressing !== null)) return null;
  return (
    plans
      .filter(
        (candidate) =>
          candidate.rank < plan.rank &&
          !candidate.priceOnRequest &&
          candidate.priceCents < plan.priceCents &&
          needs.every(({ data, projected }) => {
            const highest = data.history
              .slice(0, quietPeriods)
              .reduce((left, right) => (left > right ? left : right), projected);
            return allows(limitOn(candidate, data.metric, kept), highest * 2n);
          }),
      )
      .sort(byPrice)[0] ?? null
  );
};

const dollars = (cents: number): string => `$${(cents / 100).toFixed(2)}`;

const pressingText = ({ metric, reason, projected, limit, fullAtMs }: PressingMetric): string => {
  if (reason === "full") return `${metric} has reached its limit`;
  const until =
    fullAtMs === null
      ? ""
      : `, full about ${new Date(fullAtMs).toISOString().slice(0, 16).replace("T", " ")} UTC`;
  return reason === "near"
    ? `${metric} is at 75 percent of its limit or above${until}`
    : `${metric} is forecast to reach ${String(projected)} of ${String(limit)}${until}`;
};

/** The cheapest offer that fits the forecast: a higher plan, add-ons to the present one, or a lower plan after periods of low use. */
export const advise = (data: ForecastData): Advice => {
  const needs = data.metrics.map((metric) => needOf(metric, data));
  const pressing = needs.flatMap((need) => need.pressing ?? []);
  if (pressing.length === 0) {
    const downgrade = quietDowngrade(data, needs);
    const why =
      downgrade === null
        ? "no metric is near its limit, and no cheaper plan allows twice the use"
        : `${downgrade.name} allows at least twice the use of each of the last ${String(quietPeriods)} periods`;
    return {
      recommendation: downgrade === null ? "none" : "downgrade",
      why,
      pressing,
      upgrade: null,
      addOns: [],
      downgrade,
    };
  }

  const upgrade = cheapestUpgrade(data, needs);
  const addOns = cheapestAddOns(data, needs);
  const addOnCents = addOns.reduce((sum, { priceCents }) => sum + priceCents, 0);
  const more = upgrade === null ? null : upgrade.priceCents - data.plan.priceCents;
  const takeAddOns =
    addOns.length > 0 && (upgrade === null || upgrade.priceOnRequest || (more !== null && addOnCents < more));
  const what = takeAddOns
    ? `add-ons for ${dollars(addOnCents)} a month cost less than any plan that fits the forecast`
    : upgrade === null
      ? "no plan and no add-on on the price list fits the forecast"
      : `${upgrade.name} is the cheapest plan that fits the forecast`;
  return {
    recommendation: takeAddOns ? "add-ons" : upgrade === null ? "none" : "plan",
    why: `${pressing.map(pressingText).join("; ")}: ${what}`,
    pressing,
    upgrade,
    addOns,
    downgrade: null,
  };
};
