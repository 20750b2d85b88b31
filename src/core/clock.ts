import { detached } from "./tracing/index.ts";

/** Time source; handed in so that tests can move it. Postgres's own clock decides whatever is stored. */
export interface Clock {
  /** The present moment. */
  now(): Date;
  /** Runs `callback` once after `delayMs`; the returned function cancels it. Never keeps the process alive. */
  schedule(delayMs: number, callback: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => new Date(),
  schedule: (delayMs, callback) => {
    // What comes later is no part of the request that set it off, which ended long before.
    const timer = setTimeout(() => detached(callback), delayMs);
    timer.unref();
    return () => {
      clearTimeout(timer);
    };
  },
};
