import { type Clock } from "../clock.ts";
import { type Logger } from "../logger.ts";
import { detached } from "../tracing/index.ts";
import { finishInFlight } from "./finish-in-flight.ts";

export interface QueueWorkerDeps<T> {
  readonly clock: Clock;
  readonly logger: Logger;
  /** For the log: "events". */
  readonly what: string;
  readonly pollEveryMs: number;
  /** The next look after one that found something: what comes in bursts is not over with its first. `pollEveryMs` unless set. */
  readonly pollAfterWorkMs?: number;
  readonly batchSize: number;
  readonly maxInFlight: number;
  /** Locks what is due, so that nobody else works on it. */
  readonly take: (limit: number) => Promise<readonly T[]>;
  readonly handle: (item: T) => Promise<void>;
  readonly idOf: (item: T) => string;
  /** Gives back what could not be finished. */
  readonly release: (ids: readonly string[]) => Promise<void>;
  /** Done once at the start, before the first look. */
  readonly recover?: () => Promise<void>;
}

export interface QueueWorker {
  /** Works on what is due, and on what becomes due meanwhile; resolves with the number of items, after all are done. */
  drain(): Promise<number>;
  /** Looks now rather than at the next poll. */
  wake(): void;
  /** Nothing is taken until `resume`; `drain` works all the same. */
  pause(): void;
  resume(): void;
  start(): void;
  /** Waits a little for what is under way and gives back the rest. */
  stop(): Promise<void>;
}

/** Works on the rows of a queue in Postgres, many at a time, without order, each at least once. */
export const createQueueWorker = <T>(deps: QueueWorkerDeps<T>): QueueWorker => {
  const { clock, logger, what } = deps;
  const inFlight = new Map<string, Promise<void>>();
  let running = false;
  let paused = false;
  let taking: Promise<void> | undefined;
  /** More may be waiting than was taken. */
  let more = false;
  let cancelPoll = (): void => undefined;

  const launch = (item: T): Promise<void> => {
    const id = deps.idOf(item);
    const work = deps
      .handle(item)
      .catch((error: unknown) => {
        // The row stays locked until its lock is too old, or until the next start.
        logger.error({ id, error }, `one of the ${what} could not be settled`);
      })
      .finally(() => {
        inFlight.delete(id);
        if (more) turn();
      });
    inFlight.set(id, work);
    return work;
  };

  let cancelSoon: (() => void) | undefined;
  const lookSoon = (): void => {
    if (deps.pollAfterWorkMs === undefined || !running) return;
    cancelSoon ??= clock.schedule(deps.pollAfterWorkMs, () => {
      cancelSoon = undefined;
      turn();
    });
  };

  const take = async (): Promise<readonly T[]> => {
    const room = Math.max(0, Math.min(deps.batchSize, deps.maxInFlight - inFlight.size));
    const items = room === 0 ? [] : await deps.take(room);
    if (items.length === room) more = true;
    return items;
  };

  const turn = (): void => {
    if (!running || paused) return;
    if (taking !== undefined) {
      more = true;
      return;
    }
    more = false;
    taking = take()
      .then((items) => {
        for (const item of items) void launch(item);
        if (items.length > 0) lookSoon();
      })
      .catch((error: unknown) => {
        logger.error({ error }, `${what} could not be fetched`);
      })
      .finally(() => {
        taking = undefined;
        if (more && inFlight.size < deps.maxInFlight) turn();
      });
  };

  const poll = (): void => {
    cancelPoll = clock.schedule(deps.pollEveryMs, () => {
      if (!running) return;
      turn();
      poll();
    });
  };

  return {
    drain: async () => {
      let done = 0;
      for (;;) {
        const items = await take();
        done += items.length;
        if (items.length === 0 && inFlight.size === 0) return done;
        for (const item of items) void launch(item);
        await Promise.all(inFlight.values());
      }
    },
    // Whoever wakes it up did not ask for the work.
    wake: () => detached(turn),
    pause: () => {
      paused = true;
    },
    resume: () => {
      paused = false;
      turn();
    },
    start: () => {
      if (running) return;
      running = true;
      void (deps.recover?.() ?? Promise.resolve())
        .catch((error: unknown) => {
          logger.error({ error }, `${what} left behind could not be set free`);
        })
        .finally(turn);
      poll();
    },
    stop: async () => {
      running = false;
      cancelPoll();
      cancelSoon?.();
      cancelSoon = undefined;
      await taking;
      await finishInFlight(inFlight, deps.release);
    },
  };
};
