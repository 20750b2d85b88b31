import type { Clock } from "../core/index.ts";

export interface ClockStep {
  readonly days?: number;
  readonly hours?: number;
  readonly minutes?: number;
  readonly seconds?: number;
  readonly milliseconds?: number;
}

/** A clock that stands still until it is told. It is the engine's; `now()` in SQL goes on being Postgres's own. */
export interface TestClock extends Clock {
  /** Jumps, also backwards. Timers that come due on the way fire, in their order. */
  set(moment: Date | string): void;
  advance(step: ClockStep): void;
}

interface Timer {
  readonly dueMs: number;
  readonly callback: () => void;
}

const milliseconds = (step: ClockStep): number =>
  (((step.days ?? 0) * 24 + (step.hours ?? 0)) * 60 + (step.minutes ?? 0)) * 60_000 +
  (step.seconds ?? 0) * 1_000 +
  (step.milliseconds ?? 0);

export const momentOf = (moment: Date | string): number => {
  const ms = new Date(moment).getTime();
  if (Number.isNaN(ms))
    throw new RangeError(`'${String(moment)}' is no moment: use a Date or an ISO 8601 text`);
  return ms;
};

/** Starts at `start`, or at the present second, so that texts of times have no fraction. */
export const createTestClock = (start?: Date | string): TestClock => {
  let nowMs = start === undefined ? Math.floor(Date.now() / 1000) * 1000 : momentOf(start);
  const timers = new Set<Timer>();

  const next = (untilMs: number): Timer | undefined => {
    let first: Timer | undefined;
    for (const timer of timers) {
      if (timer.dueMs <= untilMs && (first === undefined || timer.dueMs < first.dueMs)) first = timer;
    }
    return first;
  };
  const moveTo = (targetMs: number): void => {
    for (let timer = next(targetMs); timer !== undefined; timer = next(targetMs)) {
      timers.delete(timer);
      nowMs = Math.max(nowMs, timer.dueMs);
      timer.callback();
    }
    nowMs = targetMs;
  };

  return {
    now: () => new Date(nowMs),
    schedule: (delayMs, callback) => {
      const timer: Timer = { dueMs: nowMs + Math.max(0, delayMs), callback };
      timers.add(timer);
      return () => {
        timers.delete(timer);
      };
    },
    set: (moment) => {
      moveTo(momentOf(moment));
    },
    advance: (step) => {
      moveTo(nowMs + milliseconds(step));
    },
  };
};
