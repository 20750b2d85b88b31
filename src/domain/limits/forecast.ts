/** What is known of one metric of a workspace: now, and in the periods before. */
export interface MetricOutlook {
  readonly metric: string;
  readonly kind: "counter" | "gauge";
  readonly used: bigint;
  readonly reserved: bigint;
  /** Null is unlimited, 0 also what is not included. */
  readonly limit: bigint | null;
  /** What a counter reached, or the peak of a gauge, in the periods that have ended; the latest first. */
  readonly history: readonly bigint[];
}

export interface PeriodClock {
  readonly startMs: number;
  readonly endMs: number;
  readonly nowMs: number;
}

export interface Forecast {
  /** Use at the end of the period, if it goes on as it does; never below the present use. */
  readonly projected: bigint;
  /** When the limit is reached at that rate; null where it is not before the period ends. */
  readonly fullAtMs: number | null;
}

/** Before a fifth of a period is over a workspace without a past says nothing about its end: one busy hour would. */
const sayingShare = { over: 1n, of: 5n };
/** The latest period counts most. */
const weights = [3n, 2n, 1n] as const;

const largest = (left: bigint, right: bigint): bigint => (left > right ? left : right);

const weighted = (history: readonly bigint[]): bigint => {
  const used = history.slice(0, weights.length);
  const total = used.reduce((sum, _, n) => sum + (weights[n] ?? 0n), 0n);
  return total === 0n ? 0n : used.reduce((sum, value, n) => sum + value * (weights[n] ?? 0n), 0n) / total;
};

/** How much a whole period adds: of a counter what it reached, of a gauge by how much its peak rose. */
const pastGrowth = ({ kind, history }: MetricOutlook): bigint | null => {
  if (kind === "counter") return history.length === 0 ? null : weighted(history);
  if (history.length < 2) return null;
  return weighted(history.slice(0, -1).map((peak, n) => largest(peak - (history[n + 1] ?? 0n), 0n)));
};

/**
 * The present period by its own pace and by the past, the former weighing more the more of it is over. All in whole units.
 */
export const forecast = (outlook: MetricOutlook, { startMs, endMs, nowMs }: PeriodClock): Forecast => {
  const { kind, used, reserved, limit, history } = outlook;
  const length = BigInt(Math.max(endMs - startMs, 1));
  const elapsed = BigInt(Math.min(Math.max(nowMs - startMs, 0), endMs - startMs));
  const remaining = length - elapsed;
  // A gauge has grown by what is above the highest level of the period before.
  const grown = kind === "counter" ? used : history[0] === undefined ? 0n : largest(used - history[0], 0n);
  const past = pastGrowth(outlook);
  const ownRest = elapsed === 0n ? 0n : (grown * remaining) / elapsed;
  const says = elapsed * sayingShare.of >= length * sayingShare.over;
  const rest =
    past === null
      ? says
        ? ownRest
        : 0n
      : (ownRest * elapsed + ((past * remaining) / length) * remaining) / length;
  const taken = used + reserved;
  const projected = largest(used + rest, taken);
  return { projected, fullAtMs: fullAt({ taken, rest, limit, remaining, nowMs }) };
};

const fullAt = (at: {
  readonly taken: bigint;
  readonly rest: bigint;
  readonly limit: bigint | null;
  readonly remaining: bigint;
  readonly nowMs: number;
}): number | null => {
  if (at.limit === null) return null;
  if (at.taken >= at.limit && at.taken > 0n) return at.nowMs;
  const missing = at.limit - at.taken;
  if (at.rest < missing || at.rest === 0n) return null;
  return at.nowMs + Number((missing * at.remaining) / at.rest);
};
