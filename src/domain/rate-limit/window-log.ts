/**
 * What was let through lately, as few runs of neighbouring requests. A run is kept until its last request is out of the
 * window, so the sum is never too small: the limit cannot be passed in any window. It is too large by at most the one run
 * that straddles the window's edge, and a run weighs at most 1/128 of the limit, unless it is a single request.
 */
export interface WindowLog {
  /** Last moment of each run, rising. */
  readonly times: number[];
  /** Units up to and including each run, since the log was empty. */
  readonly sums: number[];
  /** Runs before it have left the window. */
  head: number;
  /** Units of the runs that have left. */
  gone: number;
  /** First moment of the last run. */
  since: number;
}

/** A run is this part of the limit and of the window at most. */
export const runsPerWindow = 128;

export const createWindowLog = (): WindowLog => ({ times: [], sums: [], head: 0, gone: 0, since: 0 });

const clear = (log: WindowLog): void => {
  log.times.length = 0;
  log.sums.length = 0;
  log.head = 0;
  log.gone = 0;
};

/** Forgets what has left the window; what happened at `now - windowMs` has. Returns the units that are left. */
export const unitsInWindow = (log: WindowLog, nowMs: number, windowMs: number): number => {
  const { times, sums } = log;
  let { head } = log;
  while (head < times.length && nowMs - (times[head] as number) >= windowMs) {
    log.gone = sums[head] as number;
    head += 1;
  }
  log.head = head;
  if (head === times.length) {
    clear(log);
    return 0;
  }
  // Shifting arrays of a few hundred numbers now and then is cheaper than a ring at every step.
  if (head > 64 && head * 2 > times.length) {
    times.splice(0, head);
    sums.splice(0, head);
    log.head = 0;
  }
  return (sums[sums.length - 1] as number) - log.gone;
};

export const addToLog = (
  log: WindowLog,
  nowMs: number,
  weight: number,
  limit: number,
  windowMs: number,
): void => {
  const { times, sums } = log;
  const last = times.length - 1;
  const sum = last < 0 ? log.gone : (sums[last] as number);
  const before = last > log.head ? (sums[last - 1] as number) : log.gone;
  const joins =
    last >= log.head &&
    sum - before + weight <= Math.floor(limit / runsPerWindow) &&
    nowMs - log.since <= windowMs / runsPerWindow;
  if (joins) {
    times[last] = nowMs;
    sums[last] = sum + weight;
  } else {
    times.push(nowMs);
    sums.push(sum + weight);
    log.since = nowMs;
  }
};

/** Takes out units that were added at `atMs`. Of runs that share that moment the older ones give first: never too little is kept. */
export const takeFromLog = (log: WindowLog, atMs: number, weight: number): void => {
  const { times, sums } = log;
  let run = times.length;
  while (run > log.head && (times[run - 1] as number) >= atMs) run -= 1;
  let before = run > log.head ? (sums[run - 1] as number) : log.gone;
  let taken = 0;
  for (let mayHold = true; run < sums.length; run += 1) {
    const sum = sums[run] as number;
    if (mayHold) taken += Math.min(weight - taken, sum - before);
    before = sum;
    sums[run] = sum - taken;
    mayHold = taken < weight && times[run] === atMs;
  }
};

/** How long until the oldest `units` have left; the log must have been brought up to `nowMs`. */
export const untilFreed = (log: WindowLog, units: number, nowMs: number, windowMs: number): number => {
  const { times, sums } = log;
  let low = log.head;
  let high = times.length - 1;
  if (units <= 0 || high < low) return 0;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sums[middle] as number) - log.gone >= units) high = middle;
    else low = middle + 1;
  }
  return Math.max(0, (times[low] as number) + windowMs - nowMs);
};
