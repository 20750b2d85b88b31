import type { BenchRow } from "../support/index.ts";
import { createLimiters } from "./limiters.ts";

const limit = 200;
const windowMs = 2_000;
const windows = 4;
const costTakes = 20_000;

interface Attempt {
  readonly at: number;
  readonly passed: boolean;
}

/** The clock is the client's: between it and the store's lies the way there and back. */
const slackMs = 5;

/** The most that got through in any stretch of a window's length, in percent of the limit. */
const mostOf = (passedAt: readonly number[]): number => {
  let most = 0;
  let first = 0;
  passedAt.forEach((at, last) => {
    while (at - (passedAt[first] ?? at) >= windowMs - slackMs) first += 1;
    most = Math.max(most, last - first + 1);
  });
  return (most / limit) * 100;
};

/** Refusals in percent of all while more than a hundredth of the limit was free. */
const needlessOf = (attempts: readonly Attempt[]): number => {
  let first = 0;
  let inWindow = 0;
  let refused = 0;
  let needless = 0;
  for (const { at, passed } of attempts) {
    for (
      let old = attempts[first];
      old !== undefined && at - old.at > windowMs + slackMs;
      old = attempts[first]
    ) {
      if (old.passed) inWindow -= 1;
      first += 1;
    }
    if (passed) inWindow += 1;
    else {
      refused += 1;
      if (inWindow + 1 <= limit * 0.99) needless += 1;
    }
  }
  return refused === 0 ? 0 : (needless / refused) * 100;
};

/** Each limiter against the same client, one after the other, and what a decision costs this process. */
export const compareLimiters = async (redisUrl: string | undefined): Promise<readonly BenchRow[]> => {
  const rows: BenchRow[] = [];
  for (const limiter of await createLimiters(limit, windowMs, redisUrl)) {
    const passedAt: number[] = [];
    await limiter.take("warm");
    const startMs = performance.now();
    const until = startMs + windows * windowMs;
    // Begins with one request, which opens the window of those that have one, and goes on at its end.
    await limiter.take("hug");
    passedAt.push(performance.now());
    const askWhole = async (): Promise<void> => {
      for (let n = 0; n < limit; n += 1) if (await limiter.take("hug")) passedAt.push(performance.now());
    };
    for (let window = 1; window < windows; window += 1) {
      const boundary = startMs + window * windowMs;
      while (performance.now() < boundary - 100) await new Promise((resolve) => setTimeout(resolve, 10));
      while (performance.now() < boundary + 150) {
        await askWhole();
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
    }
    while (performance.now() < until) {
      await askWhole();
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    const attempts: Attempt[] = [];
    const steadyEnd = performance.now() + 3 * windowMs;
    while (performance.now() < steadyEnd) {
      for (let n = 0; n < 20; n += 1) {
        const passed = await limiter.take("steady");
        attempts.push({ at: performance.now(), passed });
      }
      await new Promise((resolve) => setTimeout(resolve, 2));
    }

    const before = process.cpuUsage();
    for (let n = 0; n < costTakes; n += 1) await limiter.take(`k${String(n % 100)}`);
    const used = process.cpuUsage(before);
    rows.push({
      what: limiter.name,
      load: "accuracy",
      mostPercent: mostOf(passedAt),
      needlessRefusalsPercent: needlessOf(attempts),
      cpuUsADecision: (used.user + used.system) / costTakes,
    });
    limiter.stop();
  }
  return rows;
};
