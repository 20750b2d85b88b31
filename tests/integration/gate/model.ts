import { DateTime } from "luxon";

/**
 * What docs/gate.md says of one workspace, in lines that know nothing of SQL: no rows, no locks, one thing after
 * another, a clock that moves only when it is told.
 */
export type Metric = "ai_queries" | "api_calls" | "channels";

export interface PlanLimit {
  readonly value: number | null;
  readonly soft?: boolean;
}

export interface Plan {
  readonly id: string;
  /** Null is a price on request. */
  readonly priceCents: number | null;
  readonly limits: Readonly<Partial<Record<Metric, PlanLimit>>>;
}

/**
 * When something was: between two readings of the database's clock, in milliseconds. Time that a history lets pass is
 * added to them, since the clock of the database cannot be set.
 */
export interface Moment {
  readonly from: number;
  readonly to: number;
}

interface Override {
  readonly value: number | null;
  readonly endsAt: number;
}

export interface Hold {
  readonly metric: Metric;
  readonly amount: number;
  readonly period: number;
  expiresAt: number;
  ends: Moment;
  status: "held" | "committed" | "released";
  committed: number | null;
  /** What the database answered when it was closed: a repetition gets the same. */
  answer: unknown;
}

export interface Kept {
  readonly content: string;
  readonly keptAt: number;
  readonly answer: unknown;
}

/** The fields of a decision that the model has an opinion of. */
export interface Expected {
  readonly allowed: boolean;
  readonly reason: string | null;
  readonly limitedBy: string | null;
  readonly granted: number;
  readonly used: number | null;
  readonly reserved: number | null;
  readonly limit: number | null;
  readonly remaining: number | null;
  readonly overage: number;
  readonly source: string | null;
  readonly resetsAt: string | null;
  readonly upgrade: { readonly planId: string } | null;
  readonly reservationStatus: string | null;
  /** The least and the most that `retryAfterSeconds` may be. */
  readonly retry: readonly [number, number] | null;
}

export interface Workspace {
  now: number;
  /** When the question at hand was decided. */
  asked: Moment;
  period: number;
  /** When the period ends, on the database's clock. */
  periodEnd: number;
  /** The price list, lowest rank first. */
  readonly plans: readonly Plan[];
  plan: Plan;
  readonly overrides: Record<Metric, Override[]>;
  readonly used: Record<Metric, number>;
  readonly holds: Map<string, Hold>;
  readonly keys: Map<string, Kept>;
}

export const createModel = (plans: readonly Plan[], plan: Plan, periodEnd: number): Workspace => ({
  now: 0,
  asked: { from: 0, to: 0 },
  period: 0,
  periodEnd,
  plans,
  plan,
  overrides: { ai_queries: [], api_calls: [], channels: [] },
  used: { ai_queries: 0, api_calls: 0, channels: 0 },
  holds: new Map(),
  keys: new Map(),
});

export const isFedByRows = (metric: Metric): boolean => metric === "channels";

interface Limit {
  readonly value: number | null;
  readonly included: boolean;
  readonly soft: boolean;
  readonly source: string;
}

const limitOf = ({ plan, overrides, now }: Workspace, metric: Metric): Limit => {
  const planned = plan.limits[metric];
  const override = overrides[metric].findLast(({ endsAt }) => endsAt > now);
  const soft = planned?.soft ?? false;
  if (override !== undefined) return { value: override.value, included: true, soft, source: "override" };
  if (planned === undefined) return { value: 0, included: false, soft: false, source: "none" };
  return { value: planned.value, included: true, soft, source: "plan" };
};

const isAlive = (hold: Hold, now: number): boolean => hold.status === "held" && hold.expiresAt > now;

const heldOf = ({ holds, now }: Workspace, metric: Metric): number =>
  [...holds.values()]
    .filter((hold) => hold.metric === metric && isAlive(hold, now))
    .reduce((sum, { amount }) => sum + amount, 0);

/** What no use may pass; infinite under a soft limit and without one. */
const capOf = (workspace: Workspace, metric: Metric): number => {
  const { value, included, soft } = limitOf(workspace, metric);
  return (!included || !soft ? value : null) ?? Number.POSITIVE_INFINITY;
};

/** What may still be given. */
export const freeOf = (workspace: Workspace, metric: Metric): number =>
  capOf(workspace, metric) - workspace.used[metric] - heldOf(workspace, metric);

const isCounter = (metric: Metric): boolean => metric !== "channels";

/** The cheapest plan above the present one that has room for a total. */
const upgradeFor = (workspace: Workspace, metric: Metric, total: number): Plan | undefined =>
  workspace.plans
    .slice(workspace.plans.indexOf(workspace.plan) + 1)
    .filter(({ limits }) => {
      const bound = limits[metric];
      return bound !== undefined && (bound.value === null || bound.value >= total);
    })
    .sort(
      (one, other) =>
        (one.priceCents ?? Number.POSITIVE_INFINITY) - (other.priceCents ?? Number.POSITIVE_INFINITY),
    )[0];

/** Whatever of the others ends first and gives enough back; `own` is the hold that asks, which is not in its own way. */
const endOfHolds = (
  workspace: Workspace,
  metric: Metric,
  missing: number,
  own?: Hold,
): Moment | undefined => {
  let freed = 0;
  return [...workspace.holds.values()]
    .filter((hold) => hold !== own && hold.metric === metric && isAlive(hold, workspace.now))
    .sort((one, other) => one.ends.from - other.ends.from)
    .find(({ amount }) => (freed += amount) >= missing)?.ends;
};

/** The moment at which a refused amount would fit if nobody did anything; undefined where time does not help. */
const fitsAt = (workspace: Workspace, metric: Metric, amount: number, own?: Hold): Moment | undefined => {
  const cap = capOf(workspace, metric);
  const passed = workspace.now * 1_000;
  const reset = { from: workspace.periodEnd + passed, to: workspace.periodEnd + passed };
  const held = endOfHolds(workspace, metric, amount - freeOf(workspace, metric) - (own?.amount ?? 0), own);
  const moments = [
    ...(isCounter(metric) && amount <= cap ? [reset] : []),
    ...(held === undefined ? [] : [held]),
  ];
  const [first] = moments.sort((one, other) => one.from - other.from);
  // A hold that is over by then can no longer be committed.
  return first !== undefined && own !== undefined && first.from >= own.ends.from ? undefined : first;
};

const after = ({ now, asked }: Workspace, seconds: number): Moment => ({
  from: asked.from + (now + seconds) * 1_000,
  to: asked.to + (now + seconds) * 1_000,
});

const secondsUntil = ({ now, asked }: Workspace, moment: Moment): readonly [number, number] => {
  const seconds = (end: number, at: number): number =>
    Math.max(Math.ceil((end - now * 1_000 - at) / 1_000), 1);
  return [seconds(moment.from, asked.to), seconds(moment.to, asked.from)];
};

interface Verdict {
  readonly reason: string | null;
  readonly limitedBy: string | null;
  readonly granted: number;
}

interface About {
  readonly amount: number;
  /** The hold that is to be settled. */
  readonly own?: Hold;
  readonly status?: string;
}

/** The figures of a decision as they stand now. */
const answer = (
  workspace: Workspace,
  metric: Metric,
  { reason, limitedBy, granted }: Verdict,
  { amount, own, status }: About,
): Expected => {
  const { value, source } = limitOf(workspace, metric);
  const used = workspace.used[metric];
  const reserved = heldOf(workspace, metric);
  const isFull = reason === "usage-limit-exceeded";
  const fits = isFull ? fitsAt(workspace, metric, amount, own) : undefined;
  const upgrade =
    isFull || reason === "feature-not-in-plan"
      ? upgradeFor(workspace, metric, used + reserved - (own?.amount ?? 0) + amount)
      : undefined;
  return {
    allowed: reason === null,
    reason,
    limitedBy,
    granted: reason === null ? granted : 0,
    used,
    reserved,
    limit: value,
    remaining: value === null ? null : Math.max(value - used - reserved, 0),
    overage: value === null ? 0 : Math.max(used - value, 0),
    source,
    resetsAt: isCounter(metric) ? new Date(workspace.periodEnd).toISOString() : null,
    upgrade: upgrade === undefined ? null : { planId: upgrade.id },
    reservationStatus: status ?? null,
    retry: fits === undefined ? null : secondsUntil(workspace, fits),
  };
};

/** A refusal of the request itself, before any counter is looked at. */
const fault = (reason: string, limitedBy: string): Expected => ({
  allowed: false,
  reason,
  limitedBy,
  granted: 0,
  used: null,
  reserved: null,
  limit: null,
  remaining: null,
  overage: 0,
  source: null,
  resetsAt: null,
  upgrade: null,
  reservationStatus: null,
  retry: null,
});

export const conflict = fault("idempotency-conflict", "idempotency-key");
export const rowMetered = fault("row-metered", "metric");
export const unknownReservation = fault("reservation-not-found", "reservation");

const taken = (granted: number): Verdict => ({ reason: null, limitedBy: null, granted });
const refused = (reason: string, limitedBy: string): Verdict => ({ reason, limitedBy, granted: 0 });

/** What refuses an amount that does not fit. */
const tooMuch = (workspace: Workspace, metric: Metric): Verdict => {
  const { included, source } = limitOf(workspace, metric);
  return included
    ? refused("usage-limit-exceeded", source === "plan" ? "plan-limit" : source)
    : refused("feature-not-in-plan", "plan");
};

const admit = (workspace: Workspace, metric: Metric, amount: number, partial: boolean): Verdict => {
  const free = limitOf(workspace, metric).included ? freeOf(workspace, metric) : 0;
  if (amount <= free) return taken(amount);
  return partial && free > 0 ? taken(free) : tooMuch(workspace, metric);
};

export const check = (workspace: Workspace, metric: Metric, amount: number, partial: boolean): Expected =>
  answer(workspace, metric, admit(workspace, metric, amount, partial), { amount });

export const consume = (workspace: Workspace, metric: Metric, amount: number, partial: boolean): Expected => {
  if (isFedByRows(metric)) return rowMetered;
  const verdict = admit(workspace, metric, amount, partial);
  workspace.used[metric] += verdict.granted;
  return answer(workspace, metric, verdict, { amount });
};

/** Several metrics, all or none; an item's own answer says whether it would fit alone. */
export const consumeAll = (
  workspace: Workspace,
  items: readonly (readonly [Metric, number])[],
): readonly Expected[] => {
  const verdicts = items.map(([metric, amount]) => ({
    metric,
    amount,
    verdict: admit(workspace, metric, amount, false),
  }));
  const isWhole = verdicts.every(({ verdict }) => verdict.reason === null);
  return verdicts.map(({ metric, amount, verdict }) => {
    const granted = isWhole ? verdict.granted : 0;
    workspace.used[metric] += granted;
    return answer(workspace, metric, { ...verdict, granted }, { amount });
  });
};

/** `id` is the one that the database gave, if it held anything. */
export const reserve = (
  workspace: Workspace,
  metric: Metric,
  amount: number,
  partial: boolean,
  ttl: number,
  id: string | null,
): Expected => {
  const verdict = admit(workspace, metric, amount, partial);
  if (verdict.reason === null && id !== null)
    workspace.holds.set(id, {
      metric,
      amount: verdict.granted,
      period: workspace.period,
      expiresAt: workspace.now + ttl,
      ends: after(workspace, ttl),
      status: "held",
      committed: null,
      answer: undefined,
    });
  return answer(workspace, metric, verdict, { amount });
};

/** Undefined where the reservation's first answer is given again. */
export const settle = (
  workspace: Workspace,
  hold: Hold,
  op: "commit" | "release" | "extend",
  asked: number | null,
  ttl: number,
): Expected | undefined => {
  const { metric, status } = hold;
  const amount = asked ?? hold.amount;
  const say = (verdict: Verdict, then: string): Expected =>
    answer(workspace, metric, verdict, { amount, own: hold, status: then });
  if (op === "commit" && status === "committed")
    return asked === null || asked === hold.committed
      ? undefined
      : say(refused("idempotency-conflict", "idempotency-key"), status);
  if (op === "release" && status === "released") return undefined;
  if (status !== "held") return say(refused("reservation-not-found", "reservation"), status);
  if (!isAlive(hold, workspace.now)) return say(refused("reservation-expired", "reservation"), "expired");
  if (op === "extend") {
    const expiresAt = workspace.now + ttl;
    if (expiresAt > hold.expiresAt) hold.ends = after(workspace, ttl);
    hold.expiresAt = Math.max(hold.expiresAt, expiresAt);
    return say(taken(hold.amount), "held");
  }
  if (op === "release") {
    hold.status = "released";
    return say(taken(0), "released");
  }
  const limit = limitOf(workspace, metric);
  if (amount > hold.amount && (isFedByRows(metric) || !limit.included || !limit.soft))
    return say(refused("invalid-input", "request"), "held");
  // A hold that is committed in its own period has its room already.
  const needsRoom = !isFedByRows(metric) && (amount > hold.amount || hold.period !== workspace.period);
  if (needsRoom && amount > freeOf(workspace, metric) + hold.amount)
    return say(tooMuch(workspace, metric), "held");
  hold.status = "committed";
  hold.committed = amount;
  if (!isFedByRows(metric)) workspace.used[metric] += amount;
  return say(taken(amount), "committed");
};

/** Monthly periods follow one that ends now. */
export const nextPeriod = (workspace: Workspace, boundary: Date): void => {
  workspace.period += 1;
  workspace.periodEnd = DateTime.fromJSDate(boundary, { zone: "UTC" }).plus({ months: 1 }).toMillis();
  workspace.used.ai_queries = 0;
  workspace.used.api_calls = 0;
};
