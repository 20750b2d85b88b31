/**
 * What docs/gate.md says of one workspace, in a hundred lines that know nothing of SQL: no rows, no locks, one thing after
 * another, a clock that moves only when it is told.
 */
export type Metric = "ai_queries" | "api_calls" | "channels";

export interface PlanLimit {
  readonly value: number | null;
  readonly soft?: boolean;
}

export type PlanLimits = Readonly<Partial<Record<Metric, PlanLimit>>>;

interface Override {
  readonly value: number | null;
  readonly endsAt: number;
}

export interface Hold {
  readonly metric: Metric;
  readonly amount: number;
  readonly period: number;
  expiresAt: number;
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
  readonly reservationStatus: string | null;
}

export interface Workspace {
  now: number;
  period: number;
  plan: PlanLimits;
  readonly overrides: Record<Metric, Override[]>;
  readonly used: Record<Metric, number>;
  readonly holds: Map<string, Hold>;
  readonly keys: Map<string, Kept>;
}

export const createModel = (plan: PlanLimits): Workspace => ({
  now: 0,
  period: 0,
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
  const planned = plan[metric];
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

/** What may still be given; infinite under a soft limit and without one. */
export const freeOf = (workspace: Workspace, metric: Metric): number => {
  const { value, included, soft } = limitOf(workspace, metric);
  const cap = !included || !soft ? value : null;
  return cap === null ? Number.POSITIVE_INFINITY : cap - workspace.used[metric] - heldOf(workspace, metric);
};

/** The figures of a decision as they stand now; `granted` is null for a refusal. */
const answer = (
  workspace: Workspace,
  metric: Metric,
  reason: string | null,
  limitedBy: string | null,
  granted: number,
  reservationStatus: string | null = null,
): Expected => {
  const { value, source } = limitOf(workspace, metric);
  const used = workspace.used[metric];
  const reserved = heldOf(workspace, metric);
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
    reservationStatus,
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
  reservationStatus: null,
});

export const conflict = fault("idempotency-conflict", "idempotency-key");
export const rowMetered = fault("row-metered", "metric");
export const unknownReservation = fault("reservation-not-found", "reservation");

interface Verdict {
  readonly reason: string | null;
  readonly limitedBy: string | null;
  readonly granted: number;
}

const admit = (workspace: Workspace, metric: Metric, amount: number, partial: boolean): Verdict => {
  const limit = limitOf(workspace, metric);
  if (!limit.included) return { reason: "feature-not-in-plan", limitedBy: "plan", granted: 0 };
  const free = freeOf(workspace, metric);
  if (amount <= free) return { reason: null, limitedBy: null, granted: amount };
  if (partial && free > 0) return { reason: null, limitedBy: null, granted: free };
  return {
    reason: "usage-limit-exceeded",
    limitedBy: limit.source === "plan" ? "plan-limit" : limit.source,
    granted: 0,
  };
};

export const check = (workspace: Workspace, metric: Metric, amount: number, partial: boolean): Expected => {
  const { reason, limitedBy, granted } = admit(workspace, metric, amount, partial);
  return answer(workspace, metric, reason, limitedBy, granted);
};

export const consume = (workspace: Workspace, metric: Metric, amount: number, partial: boolean): Expected => {
  if (isFedByRows(metric)) return rowMetered;
  const { reason, limitedBy, granted } = admit(workspace, metric, amount, partial);
  workspace.used[metric] += granted;
  return answer(workspace, metric, reason, limitedBy, granted);
};

/** Several metrics, all or none; an item's own answer says whether it would fit alone. */
export const consumeAll = (
  workspace: Workspace,
  items: readonly (readonly [Metric, number])[],
): readonly Expected[] => {
  const verdicts = items.map(([metric, amount]) => ({ metric, ...admit(workspace, metric, amount, false) }));
  const isWhole = verdicts.every(({ reason }) => reason === null);
  return verdicts.map(({ metric, reason, limitedBy, granted }) => {
    if (isWhole) workspace.used[metric] += granted;
    return { ...answer(workspace, metric, reason, limitedBy, isWhole ? granted : 0) };
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
  const { reason, limitedBy, granted } = admit(workspace, metric, amount, partial);
  if (reason === null && id !== null)
    workspace.holds.set(id, {
      metric,
      amount: granted,
      period: workspace.period,
      expiresAt: workspace.now + ttl,
      status: "held",
      committed: null,
      answer: undefined,
    });
  return answer(workspace, metric, reason, limitedBy, granted);
};

const refuseSettling = (
  workspace: Workspace,
  { metric }: Hold,
  reason: string,
  limitedBy: string,
  status: string,
): Expected => answer(workspace, metric, reason, limitedBy, 0, status);

/** Undefined where the reservation's first answer is given again. */
export const settle = (
  workspace: Workspace,
  hold: Hold,
  op: "commit" | "release" | "extend",
  asked: number | null,
  ttl: number,
): Expected | undefined => {
  const { metric, status } = hold;
  if (op === "commit" && status === "committed")
    return asked === null || asked === hold.committed
      ? undefined
      : refuseSettling(workspace, hold, "idempotency-conflict", "idempotency-key", status);
  if (op === "release" && status === "released") return undefined;
  if (status !== "held")
    return refuseSettling(workspace, hold, "reservation-not-found", "reservation", status);
  if (!isAlive(hold, workspace.now))
    return refuseSettling(workspace, hold, "reservation-expired", "reservation", "expired");
  if (op === "extend") {
    hold.expiresAt = Math.max(hold.expiresAt, workspace.now + ttl);
    return answer(workspace, metric, null, null, hold.amount, "held");
  }
  if (op === "release") {
    hold.status = "released";
    return answer(workspace, metric, null, null, 0, "released");
  }
  const amount = asked ?? hold.amount;
  const limit = limitOf(workspace, metric);
  if (amount > hold.amount && (isFedByRows(metric) || !limit.included || !limit.soft))
    return refuseSettling(workspace, hold, "invalid-input", "request", "held");
  // A hold that is committed in its own period has its room already.
  const needsRoom = !isFedByRows(metric) && (amount > hold.amount || hold.period !== workspace.period);
  if (needsRoom && amount > freeOf(workspace, metric) + hold.amount)
    return refuseSettling(
      workspace,
      hold,
      "usage-limit-exceeded",
      limit.source === "plan" ? "plan-limit" : limit.source,
      "held",
    );
  hold.status = "committed";
  hold.committed = amount;
  if (!isFedByRows(metric)) workspace.used[metric] += amount;
  return answer(workspace, metric, null, null, amount, "committed");
};

export const nextPeriod = (workspace: Workspace): void => {
  workspace.period += 1;
  workspace.used.ai_queries = 0;
  workspace.used.api_calls = 0;
};
