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
    const timer = setTimeout(callback, delayMs);
    timer.unref();
    return () => {
      clearTimeout(timer);
    };
  },
};
