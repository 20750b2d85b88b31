/** One attempt as a client saw it, by the clock of the store. */
export interface Attempt {
  readonly atMs: number;
  readonly weight: number;
  readonly allowed: boolean;
}

export interface RateFault {
  readonly what: "above" | "below";
  readonly atMs: number;
  /** Units let through in the window that ends there. */
  readonly inWindow: number;
}

/** The part of a limit that may be left unused while somebody still asks. */
const tolerance = 0.01;

/**
 * Judges a history without knowing how it was made: the sum of each window is taken anew from the list. Above: a window
 * that ends with an allowed attempt and holds more than the limit (the fullest windows end so). Below: a refusal although
 * the window ending there, and this attempt with it, would have stayed below 99 % of the limit.
 */
export const faultsOf = (
  attempts: readonly Attempt[],
  limit: number,
  windowMs = 60_000,
): readonly RateFault[] => {
  const ordered = [...attempts].sort((one, other) => one.atMs - other.atMs);
  const faults: RateFault[] = [];
  let first = 0;
  let inWindow = 0;
  for (const { atMs, weight, allowed } of ordered) {
    while (first < ordered.length && atMs - (ordered[first] as Attempt).atMs >= windowMs) {
      const left = ordered[first] as Attempt;
      if (left.allowed) inWindow -= left.weight;
      first += 1;
    }
    if (allowed) {
      inWindow += weight;
      if (inWindow > limit) faults.push({ what: "above", atMs, inWindow });
    } else if (inWindow + weight <= limit * (1 - tolerance)) faults.push({ what: "below", atMs, inWindow });
  }
  return faults;
};

/** The emptiest window of a minute within `[fromMs, toMs]`: for a client that never stops asking it must be nearly full. */
export const emptiestWindow = (
  attempts: readonly Attempt[],
  fromMs: number,
  toMs: number,
  windowMs = 60_000,
): number => {
  const allowed = attempts.filter((attempt) => attempt.allowed).sort((one, other) => one.atMs - other.atMs);
  // The sum changes at an attempt and a window's length after it, so one window between each two changes is enough.
  const edges = [fromMs, ...allowed.flatMap(({ atMs }) => [atMs, atMs - windowMs])]
    .filter((start) => start >= fromMs && start + windowMs <= toMs)
    .sort((one, other) => one - other);
  let emptiest = Number.POSITIVE_INFINITY;
  let first = 0;
  let next = 0;
  let sum = 0;
  // Half open: (start, start + window].
  for (const start of edges) {
    while (next < allowed.length && (allowed[next] as Attempt).atMs <= start + windowMs)
      sum += (allowed[next++] as Attempt).weight;
    while (first < next && (allowed[first] as Attempt).atMs <= start)
      sum -= (allowed[first++] as Attempt).weight;
    emptiest = Math.min(emptiest, sum);
  }
  return emptiest;
};
