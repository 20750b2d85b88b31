import { AppError, type Clock } from "../../core/index.ts";
import { type DrawAnswer, type DrawRequest, type LeaseDecision } from "./types.ts";

export interface LeaseSettings {
  /** The most units that are counted ahead of their use: what a killed process leaves counted at most. */
  readonly maxStep: number;
  /** Units kept free beside them, in steps. */
  readonly holdSteps: number;
  /** A lease that nobody used for so long is given back; later where far more is free than it keeps. */
  readonly idleMs: number;
  readonly ttlSeconds: number;
}

export const defaultLeaseSettings: LeaseSettings = {
  maxStep: 1_000,
  holdSteps: 4,
  idleMs: 1_000,
  ttlSeconds: 30,
};

export interface LeaseOptions {
  readonly workspaceId: string;
  readonly metric: string;
  readonly holder: string;
  readonly clock: Clock;
  readonly settings: LeaseSettings;
  readonly draw: (request: DrawRequest) => Promise<DrawAnswer>;
  /** Of a draw that nobody waits for. */
  readonly onError: (error: unknown) => void;
}

export interface Lease {
  /** Answers from memory where units are there, else with the next draw. */
  take(amount: number): LeaseDecision | Promise<LeaseDecision>;
  /** Takes back units of a decision that came to nothing; those of an ended period stay counted there. */
  putBack(amount: number, decision: LeaseDecision): void;
  /** Whether nothing was asked for so long that it should be given back. */
  isIdle(nowMs: number): boolean;
  /** Gives back what was not used. Later takes draw anew. */
  giveBack(): Promise<void>;
}

interface Waiting {
  readonly amount: number;
  readonly resolve: (decision: LeaseDecision) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * A step is what was used of late in so long a time. Shorter, and a thousand workspaces that ask twice a second each draw for
 * every request; longer, and a killed process leaves more of a small limit counted.
 */
const stepLastsMs = 2_000;
const leastStep = 8;
/** Where so many times as much is free as is kept here, nobody misses it: it may lie idle so many times as long. */
const roomy = 1_000;
const patience = 10;
/** How much a step may grow at once: one draw that came quickly is no demand yet. */
const growth = 8;
/** Who waits in one draw; the rest goes with the next. */
const maxNeeds = 1_000;

/**
 * Units of one counter that this process may use without asking. They are counted in the database before they are used, so
 * no clock, crash or partition can make more of them than the limit: what a killed process had not used stays counted, at
 * most a step, and what it held beside that is free when its time is over.
 */
export const createLease = (options: LeaseOptions): Lease => {
  const { clock, settings, draw, onError } = options;
  const waiting: Waiting[] = [];
  let units = 0;
  let last: DrawAnswer | undefined;
  let periodEndMs = 0;
  /** Counted, not to be used any more, to be given back with the next draw. */
  let setBack: { readonly units: number; readonly periodStart: string } | undefined;
  let step = 0;
  let drawnAtMs = 0;
  /** Units asked for since then. */
  let asked = 0;
  let usedAtMs = clock.now().getTime();
  let drawing: Promise<void> | undefined;
  let closing = false;

  const setAside = (): void => {
    const periodStart = last?.periodStart ?? null;
    if (units === 0 || periodStart === null) return;
    setBack = { units: units + (setBack?.periodStart === periodStart ? setBack.units : 0), periodStart };
    units = 0;
  };

  const decisionOf = (answer: DrawAnswer, allowed: boolean): LeaseDecision => {
    const used = answer.used - units;
    return {
      allowed,
      reason: allowed ? null : answer.reason,
      used,
      reserved: answer.reserved,
      limit: answer.limit,
      remaining: answer.limit === null ? null : Math.max(answer.limit - used - answer.reserved, 0),
      resetsAt: answer.periodEnd,
      retryAfterSeconds:
        allowed || answer.reason !== "usage-limit-exceeded"
          ? null
          : Math.max(Math.ceil(answer.secondsLeft), 1),
    };
  };

  const idlesForMs = (): number => {
    if (last === undefined) return settings.idleMs;
    const free = last.limit === null ? Number.POSITIVE_INFINITY : last.limit - last.used - last.reserved;
    return free >= roomy * Math.max(units, leastStep) ? patience * settings.idleMs : settings.idleMs;
  };

  /** By the rate at which units were asked for since the last draw; nothing where they would mostly be given back. */
  const nextStep = (nowMs: number): number => {
    const rate = asked / Math.max(nowMs - drawnAtMs, 1);
    if (closing || rate * idlesForMs() < 1) return 0;
    const wanted = Math.max(Math.ceil(rate * stepLastsMs), leastStep);
    return Math.min(wanted, Math.max(step * growth, leastStep), settings.maxStep);
  };

  const drawOnce = async (): Promise<void> => {
    const entries = waiting.splice(0, maxNeeds);
    const nowMs = clock.now().getTime();
    step = nextStep(nowMs);
    drawnAtMs = nowMs;
    asked = 0;
    // Who waits needs more than is left here, so that is offered too; and units of one period are no units of the next.
    if (entries.length > 0 || closing || nowMs >= periodEndMs) setAside();
    const back = setBack;
    setBack = undefined;
    try {
      const answer = await draw({
        workspaceId: options.workspaceId,
        metric: options.metric,
        holder: options.holder,
        leaseId: last?.leaseId ?? null,
        needs: entries.map(({ amount }) => amount),
        step,
        hold: step * settings.holdSteps,
        giveBack: back?.units ?? 0,
        giveBackPeriodStart: back?.periodStart ?? null,
        ttlSeconds: settings.ttlSeconds,
      });
      if (last?.periodStart !== answer.periodStart) setAside();
      // The clock of the process tells only how long; what the time is, the database says.
      periodEndMs = clock.now().getTime() + Math.floor(answer.secondsLeft * 1_000);
      units += answer.ahead;
      last = answer;
      entries.forEach((entry, position) =>
        entry.resolve(decisionOf(answer, answer.allowed[position] === true)),
      );
    } catch (error) {
      // Whether the draw took effect is unknown: nothing of it is used, and what was given back is not given twice.
      // The units still here were counted before and stay good.
      for (const entry of entries) entry.reject(error);
      throw error;
    }
  };

  const drawNow = (): Promise<void> => {
    drawing ??= drawOnce().finally(() => {
      drawing = undefined;
      if (waiting.length > 0) drawNow().catch(() => undefined);
    });
    return drawing;
  };

  return {
    take: (amount) => {
      const nowMs = clock.now().getTime();
      usedAtMs = nowMs;
      if (!Number.isSafeInteger(amount) || amount < 1)
        throw new AppError({
          kind: "invalid-input",
          code: "invalid-input",
          message: "the amount is out of range",
        });
      if (last !== undefined && waiting.length === 0 && units >= amount && nowMs < periodEndMs) {
        units -= amount;
        asked += amount;
        // Ahead of need, so that nobody waits for the database.
        if (units < step / 2 && last.hold > 0 && drawing === undefined) drawNow().catch(onError);
        return decisionOf(last, true);
      }
      asked += amount;
      return new Promise((resolve, reject) => {
        waiting.push({ amount, resolve, reject });
        drawNow().catch(() => undefined);
      });
    },
    putBack: (amount, { allowed, resetsAt }) => {
      if (allowed && last !== undefined && resetsAt === last.periodEnd) units += amount;
    },
    isIdle: (nowMs) => drawing === undefined && waiting.length === 0 && nowMs - usedAtMs >= idlesForMs(),
    giveBack: async () => {
      closing = true;
      try {
        await drawing?.catch(() => undefined);
        if (units === 0 && setBack === undefined && (last?.leaseId ?? null) === null) return;
        await drawNow();
      } finally {
        closing = false;
      }
    },
  };
};
