/** Use of one metric by a workspace, now and in past periods. */
export interface MetricForecastData {
  readonly metric: string;
  readonly kind: "counter" | "gauge";
  readonly used: bigint;
  readonly reserved: bigint;
  /** Null is unlimited; 0 where the metric is not included. */
  readonly limit: bigint | null;
  /** Final use of a counter, or peak of a gauge, in the periods that have ended; the latest first. */
  readonly history: readonly bigint[];
}

export interface PeriodClock {
  readonly startMs: number;
  readonly endMs: number;
  readonly nowMs: number;
}

export interface Forecast {
  /** Expected use at the end of the period, reservations included; never below the present use. */
  readonly projected: bigint;
  /** When the limit will be reached; null where the period ends first. */
  readonly fullAtMs: number | null;
}

/** Without past periods, the pace counts from this share of the period on: earlier, one busy hour would decide it. */
const minimumShare = { over: 1n, of: 5n };
/** Of the last three periods, the latest first. */
const weights = [3n, 2n, 1n] as const;

const largest = (left: bigint, right: bigint): bigint => (left > right ? left : right);

const weighted = (history: readonly bigint[]): bigint => {
  const used = history.slice(0, weights.length);
  const total = used.reduce((sum, _, n) => sum + (weights[n] ?? 0n), 0n);
  return total === 0n ? 0n : used.reduce((sum, value, n) => sum + value * (weights[n] ?? 0n), 0n) / total;
};

/** What a whole period adds: the use of a counter, the rise of the peak of a gauge. Null without enough periods. */
const pastGrowth = ({ kind, history }: MetricForecastData): bigint | null => {
  if (kind === "counter") return history.length === 0 ? null : weighted(history);
  if (history.length < 2) return null;
  return weighted(history.slice(0, -1).map((peak, n) => largest(peak - (history[n + 1] ?? 0n), 0n)));
};

/**
 * Mixes the pace of the present period with that of past periods; the former weighs as much as of the period is over. In whole
 * units, rounded down.
 */
export const forecast = (data: MetricForecastData, { startMs, endMs, nowMs }: PeriodClock): Forecast => {
  const { kind, used, reserved, limit, history } = data;
  const length = BigInt(Math.max(endMs - startMs, 1));
  const elapsed = BigInt(Math.min(Math.max(nowMs - startMs, 0), endMs - startMs));
  const remaining = length - elapsed;
  // Growth of a gauge is what is above the peak of the period before.
  const grown = kind === "counter" ? used : history[0] === undefined ? 0n : largest(used - history[0], 0n);
  const past = pastGrowth(data);
  const ownRest = elapsed === 0n ? 0n : (grown * remaining) / elapsed;
  const isLongEnough = elapsed * minimumShare.of >= length * minimumShare.over;
  const rest =
    past === null
      ? isLongEnough
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
