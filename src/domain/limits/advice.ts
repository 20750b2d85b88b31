import { reachesPercent } from "../usage/index.ts";
import { forecast, type MetricOutlook, type PeriodClock } from "./forecast.ts";

export interface OfferedPlan {
  readonly planId: string;
  readonly name: string;
  readonly rank: number;
  readonly priceCents: number;
  readonly priceOnRequest: boolean;
  /** By metric; null is unlimited, a metric that is not there is not included. */
  readonly limits: ReadonlyMap<string, bigint | null>;
}

export interface OfferedAddOn {
  readonly addOnId: string;
  readonly name: string;
  readonly metric: string;
  readonly amount: bigint;
  readonly priceCents: number;
}

/** Everything the advice is made of, as one statement read it. */
export interface Outlook extends PeriodClock {
  readonly plan: { readonly planId: string; readonly rank: number; readonly priceCents: number };
  readonly metrics: readonly MetricOutlook[];
  /** The price list without the present plan. */
  readonly plans: readonly OfferedPlan[];
  readonly addOns: readonly OfferedAddOn[];
  /** What add-ons of the workspace add on whatever plan, by metric. */
  readonly kept: ReadonlyMap<string, bigint>;
  /** Metrics whose limit is an override: add-ons change nothing there. */
  readonly overridden: ReadonlySet<string>;
}

export interface PressingMetric {
  readonly metric: string;
  /** full: nothing is left; near: from 75 percent on; forecast: the limit is reached before the period ends. */
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
  /** All that is needed to stay on the present plan; empty where add-ons cannot do it. */
  readonly addOns: readonly BoughtAddOn[];
  readonly downgrade: OfferedPlan | null;
}

interface Need {
  readonly outlook: MetricOutlook;
  readonly projected: bigint;
  readonly pressing: PressingMetric | null;
  /** What a limit must allow: with a tenth of headroom where it presses. */
  readonly amount: bigint;
}

/** How many periods a workspace must have been far below before less is suggested. */
const quietPeriods = 3;
const mostUnits = 1_000_000n;

const percentUp = (amount: bigint, percent: bigint): bigint => (amount * (100n + percent) + 99n) / 100n;

const needOf = (outlook: MetricOutlook, clock: PeriodClock): Need => {
  const { metric, used, reserved, limit } = outlook;
  const { projected, fullAtMs } = forecast(outlook, clock);
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
    outlook,
    projected,
    pressing:
      reason === null || limit === null
        ? null
        : { metric, reason, used, reserved, limit, projected, fullAtMs },
    amount: reason === null ? projected : percentUp(projected > taken ? projected : taken + 1n, 10n),
  };
};

/** Null is unlimited, undefined not included. */
const limitOn = (plan: OfferedPlan, metric: string, kept: Outlook["kept"]): bigint | null | undefined => {
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

const cheapestUpgrade = ({ plan, plans, kept }: Outlook, needs: readonly Need[]): OfferedPlan | null =>
  plans
    .filter(
      (candidate) =>
        candidate.rank > plan.rank &&
        needs.every(({ outlook, pressing, amount }) => {
          const limit = limitOn(candidate, outlook.metric, kept);
          const isMore = limit === null || pressing === null || (limit ?? 0n) > pressing.limit;
          return isMore && allows(limit, amount);
        }),
    )
    .sort(byPrice)[0] ?? null;

const cheapestAddOns = ({ addOns, overridden }: Outlook, needs: readonly Need[]): readonly BoughtAddOn[] => {
  const bought = needs.flatMap(({ pressing, amount }) => {
    if (pressing === null) return [];
    if (overridden.has(pressing.metric)) return [null];
    const [best] = addOns
      .filter(({ metric }) => metric === pressing.metric)
      .map((addOn) => ({ addOn, quantity: (amount - pressing.limit + addOn.amount - 1n) / addOn.amount }))
      .filter(({ quantity }) => quantity >= 1n && quantity <= mostUnits)
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

/** A cheaper plan into which what was used, in every one of several periods, fits twice. */
const quietDowngrade = ({ plan, plans, kept }: Outlook, needs: readonly Need[]): OfferedPlan | null => {
  const periods = Math.max(...needs.map(({ outlook }) => outlook.history.length), 0);
  if (periods < quietPeriods || needs.some(({ pressing }) => pressing !== null)) return null;
  return (
    plans
      .filter(
        (candidate) =>
          candidate.rank < plan.rank &&
          !candidate.priceOnRequest &&
          candidate.priceCents < plan.priceCents &&
          needs.every(({ outlook, projected }) => {
            const most = outlook.history
              .slice(0, quietPeriods)
              .reduce((left, right) => (left > right ? left : right), projected);
            return allows(limitOn(candidate, outlook.metric, kept), most * 2n);
          }),
      )
      .sort(byPrice)[0] ?? null
  );
};

const dollars = (cents: number): string => `$${(cents / 100).toFixed(2)}`;

const pressingText = ({ metric, reason, projected, limit, fullAtMs }: PressingMetric): string => {
  if (reason === "full") return `${metric} is full`;
  const until =
    fullAtMs === null
      ? ""
      : `, full about ${new Date(fullAtMs).toISOString().slice(0, 16).replace("T", " ")} UTC`;
  return reason === "near"
    ? `${metric} is above 75 percent${until}`
    : `${metric} is heading for ${String(projected)} of ${String(limit)}${until}`;
};

/** What fits the forecast at the least price: a higher plan, add-ons to the present one, or a lower plan after quiet periods. */
export const advise = (outlook: Outlook): Advice => {
  const needs = outlook.metrics.map((metric) => needOf(metric, outlook));
  const pressing = needs.flatMap((need) => need.pressing ?? []);
  if (pressing.length === 0) {
    const downgrade = quietDowngrade(outlook, needs);
    const why =
      downgrade === null
        ? "nothing presses, and no cheaper plan has twice what was used"
        : `${downgrade.name} has at least twice what was used in each of the last ${String(quietPeriods)} periods`;
    return {
      recommendation: downgrade === null ? "none" : "downgrade",
      why,
      pressing,
      upgrade: null,
      addOns: [],
      downgrade,
    };
  }

  const upgrade = cheapestUpgrade(outlook, needs);
  const addOns = cheapestAddOns(outlook, needs);
  const addOnCents = addOns.reduce((sum, { priceCents }) => sum + priceCents, 0);
  const more = upgrade === null ? null : upgrade.priceCents - outlook.plan.priceCents;
  const takeAddOns =
    addOns.length > 0 && (upgrade === null || upgrade.priceOnRequest || (more !== null && addOnCents < more));
  const what = takeAddOns
    ? `add-ons for ${dollars(addOnCents)} a month cost less than any plan with room for it`
    : upgrade === null
      ? "no plan and no add-on on the price list has room for it"
      : `${upgrade.name} is the cheapest with room for it`;
  return {
    recommendation: takeAddOns ? "add-ons" : upgrade === null ? "none" : "plan",
    why: `${pressing.map(pressingText).join("; ")}: ${what}`,
    pressing,
    upgrade,
    addOns,
    downgrade: null,
  };
};
