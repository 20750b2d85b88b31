const firstMs = 1_000;
const mostMs = 300_000;

/** Half of it by chance, so that clients whom one outage has stopped do not come back together, and never at once. */
export const backoffMs = (failures: number, random: () => number): number =>
  Math.round(((1 + random()) / 2) * Math.min(mostMs, firstMs * 2 ** Math.min(failures - 1, 20)));

/** Seconds or a date; null for anything else. An hour at most: a header must not silence a client for good. */
export const retryAfterMs = (header: string | null, now: number): number | null => {
  if (header === null || header.trim() === "") return null;
  const seconds = Number(header);
  const ms = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(header) - now;
  return Number.isFinite(ms) && ms >= 0 ? Math.min(ms, 3_600_000) : null;
};
