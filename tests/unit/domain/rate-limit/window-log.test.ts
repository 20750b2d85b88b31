import { describe, expect, it } from "@jest/globals";
import {
  addToLog,
  createWindowLog,
  takeFromLog,
  unitsInWindow,
  untilFreed,
} from "../../../../src/domain/rate-limit/window-log.ts";

const windowMs = 60_000;

describe("the log of a window", () => {
  it.each([1_000, 50_000, 10_000_000])("keeps some hundred runs for a limit of %i", (limit) => {
    const log = createWindowLog();
    let most = 0;
    const attempts = 40_000;
    for (let n = 0; n < attempts; n += 1) {
      const nowMs = (n * 4 * windowMs) / attempts;
      const weight = Math.ceil(limit / 9_000) * (1 + (n % 3));
      if (unitsInWindow(log, nowMs, windowMs) + weight <= limit)
        addToLog(log, nowMs, weight, limit, windowMs);
      most = Math.max(most, log.times.length - log.head);
    }
    expect(most).toBeLessThanOrEqual(400);
    expect(log.times.length).toBeLessThanOrEqual(1_000);
  });

  it("does not keep an old request alive by joining new ones to it", () => {
    const log = createWindowLog();
    for (let nowMs = 0; nowMs <= windowMs; nowMs += 1_000) {
      unitsInWindow(log, nowMs, windowMs);
      addToLog(log, nowMs, 1, 50_000, windowMs);
    }
    expect(unitsInWindow(log, windowMs + 500, windowMs)).toBeLessThanOrEqual(61);
    expect(unitsInWindow(log, 2 * windowMs, windowMs)).toBe(0);
    expect(log.times).toEqual([]);
  });

  it("says when units leave, and what is taken out leaves no more", () => {
    const log = createWindowLog();
    for (const [nowMs, weight] of [
      [0, 5],
      [10_000, 3],
      [20_000, 2],
    ] as const)
      addToLog(log, nowMs, weight, 20, windowMs);
    expect([0, 5, 6, 8, 9].map((units) => untilFreed(log, units, 20_000, windowMs))).toEqual([
      0, 40_000, 50_000, 50_000, 60_000,
    ]);
    takeFromLog(log, 10_000, 3);
    expect(unitsInWindow(log, 20_000, windowMs)).toBe(7);
    expect(untilFreed(log, 6, 20_000, windowMs)).toBe(60_000);
    takeFromLog(log, 30_000, 1);
    expect(unitsInWindow(log, 60_000, windowMs)).toBe(2);
  });

  it("takes from each of the runs of one moment in turn, and not from those behind it", () => {
    const log = createWindowLog();
    for (const nowMs of [5, 10, 10, 10, 20]) addToLog(log, nowMs, 2, 20, windowMs);
    for (const weight of [2, 1, 3]) takeFromLog(log, 10, weight);
    expect(log.sums).toEqual([2, 2, 2, 2, 4]);
  });
});
