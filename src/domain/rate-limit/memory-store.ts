import { AppError, type Clock } from "../../core/index.ts";
import { noteActor, type Presence } from "./presence.ts";
import {
  type RateAnswer,
  type RateRequest,
  type RateStore,
  type RateWindow,
  type WindowState,
} from "./types.ts";
import {
  addToLog,
  createWindowLog,
  takeFromLog,
  unitsInWindow,
  untilFreed,
  type WindowLog,
} from "./window-log.ts";

export interface MemoryStoreDeps {
  /** For the sweep only. */
  readonly clock: Clock;
  /** Milliseconds that never go back, with fractions. */
  readonly elapsedMs: () => number;
  readonly windowMs?: number;
  /** Windows with something in them that are kept at most. One of 50,000 a minute takes some 5 KB. */
  readonly maxWindows?: number;
}

export interface MemoryStore extends RateStore {
  /** Windows and scopes held at present. */
  size(): number;
  stop(): void;
}

/** Limits of one process, kept in its memory and decided without waiting. */
export const createMemoryStore = (deps: MemoryStoreDeps): MemoryStore => {
  const { clock, elapsedMs, windowMs = 60_000, maxWindows = 100_000 } = deps;
  const logs = new Map<string, WindowLog>();
  const presences = new Map<string, Presence>();
  let cancelSweep: (() => void) | undefined;

  const sweep = (): void => {
    const nowMs = elapsedMs();
    for (const [key, log] of logs) if (unitsInWindow(log, nowMs, windowMs) === 0) logs.delete(key);
    for (const [scope, { seenMs }] of presences) if (nowMs - seenMs >= windowMs) presences.delete(scope);
  };

  const sweepLater = (): void => {
    cancelSweep = clock.schedule(windowMs, () => {
      cancelSweep = undefined;
      sweep();
      if (logs.size + presences.size > 0) sweepLater();
    });
  };

  const logFor = (window: RateWindow): WindowLog => {
    const known = logs.get(window.key);
    if (known !== undefined) return known;
    if (logs.size >= maxWindows) sweep();
    if (logs.size >= maxWindows) {
      const standIn = window.overflowKey === undefined ? undefined : logs.get(window.overflowKey);
      if (standIn !== undefined) return standIn;
      if (window.overflowKey === undefined)
        throw new AppError({
          kind: "unavailable",
          code: "rate-limit-unavailable",
          message: "too many callers at once: the rate limit cannot be told",
        });
    }
    const made = createWindowLog();
    logs.set(logs.size >= maxWindows ? (window.overflowKey ?? window.key) : window.key, made);
    return made;
  };

  const untilMore = (log: WindowLog, nowMs: number): number => {
    const oldest = log.times[log.head];
    return oldest === undefined ? windowMs : Math.max(0, oldest + windowMs - nowMs);
  };

  const untilPassing = (
    log: WindowLog,
    limit: number,
    used: number,
    weight: number,
    nowMs: number,
  ): number =>
    weight > limit ? Number.POSITIVE_INFINITY : untilFreed(log, used + weight - limit, nowMs, windowMs);

  return {
    // Plain loops: this runs for every request, and closures and copies were half of its time.
    take: ({ windows, weight, presence }): RateAnswer => {
      const nowMs = elapsedMs();
      const shared =
        presence !== undefined && noteActor(presences, presence.scope, presence.actor, nowMs, windowMs);
      const logged: WindowLog[] = [];
      const used: number[] = [];
      let allowed = true;
      for (const window of windows) {
        const log = logFor(window);
        const units = unitsInWindow(log, nowMs, windowMs);
        logged.push(log);
        used.push(units);
        if ((shared || window.whenShared !== true) && units + weight > window.limit) allowed = false;
      }
      if (cancelSweep === undefined) sweepLater();
      const states: WindowState[] = [];
      for (let at = 0; at < logged.length; at += 1) {
        const log = logged[at] as WindowLog;
        const before = used[at] as number;
        const { limit, whenShared } = windows[at] as RateWindow;
        if (allowed) addToLog(log, nowMs, weight, limit, windowMs);
        states.push({
          used: allowed ? before + weight : before,
          limit,
          enforced: shared || whenShared !== true,
          nextFreeMs: untilMore(log, nowMs),
          waitMs: allowed ? 0 : untilPassing(log, limit, before, weight, nowMs),
        });
      }
      return { allowed, windows: states, atMs: nowMs, store: "memory" };
    },
    giveBack: ({ windows, weight }: RateRequest, { atMs }) => {
      for (const { key, overflowKey } of windows) {
        const log = logs.get(key) ?? (overflowKey === undefined ? undefined : logs.get(overflowKey));
        if (log !== undefined) takeFromLog(log, atMs, weight);
      }
    },
    size: () => logs.size + presences.size,
    stop: () => cancelSweep?.(),
  };
};
