const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;

/** Waits between attempts: ten attempts over 52 hours. */
export const retryDelaysMs: readonly number[] = [
  5 * second,
  minute,
  5 * minute,
  30 * minute,
  2 * hour,
  5 * hour,
  10 * hour,
  14 * hour,
  20 * hour,
];

/** A receiver may ask for time, but not for more than a day. */
const longestAskedMs = 24 * hour;

const jitter = 0.2;

/**
 * How long to wait after failed attempt number `attempt` (from 1); null when it was the last one. The wait is the
 * scheduled one give or take a fifth, so that what failed together does not come back together, or what the receiver
 * asked for, if that is longer.
 */
export function retryDelay(
  attempt: number,
  askedMs: number | undefined,
  random: () => number,
  delays: readonly number[] = retryDelaysMs,
): number | null {
  const scheduled = delays[attempt - 1];
  if (scheduled === undefined) return null;
  const spread = scheduled * (1 + jitter * (2 * random() - 1));
  return Math.round(Math.max(spread, Math.min(askedMs ?? 0, longestAskedMs)));
}

/** `Retry-After` in both of its forms, as milliseconds from now; undefined for what is neither. */
export function readRetryAfter(header: string | undefined, now: Date): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d{1,9}$/u.test(header.trim())) return Number(header.trim()) * second;
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now.getTime());
}
