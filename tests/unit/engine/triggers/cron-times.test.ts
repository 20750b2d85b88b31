import { describe, expect, it } from "@jest/globals";

import { parseSchedule } from "../../../../src/engine/triggers/index.ts";

const next = (expression: string, from: string, count = 2): string[] =>
  parseSchedule(expression)
    .after(new Date(from), count)
    .map((time) => time.toISOString().slice(0, 16));

describe("cron expressions", () => {
  it.each([
    ["* * * * *", "2026-01-01T00:00:00Z", ["2026-01-01T00:01", "2026-01-01T00:02"]],
    ["*/15 * * * *", "2026-01-01T00:14:59Z", ["2026-01-01T00:15", "2026-01-01T00:30"]],
    ["15 3 * * *", "2026-01-01T03:15:00Z", ["2026-01-02T03:15", "2026-01-03T03:15"]],
    ["@hourly", "2026-01-01T00:30:00Z", ["2026-01-01T01:00", "2026-01-01T02:00"]],
    ["0 0 29 2 *", "2026-01-01T00:00:00Z", ["2028-02-29T00:00", "2032-02-29T00:00"]],
    ["0 0 13 * 5", "2026-02-01T00:00:00Z", ["2026-02-06T00:00", "2026-02-13T00:00"]],
    ["0 0 * jan SUN", "2026-01-01T00:00:00Z", ["2026-01-04T00:00", "2026-01-11T00:00"]],
    ["0 0 * * 7", "2026-01-01T00:00:00Z", ["2026-01-04T00:00", "2026-01-11T00:00"]],
  ])("%s after %s", (expression, from, expected) => {
    expect(next(expression, from)).toEqual(expected);
  });

  it("lists what was missed and then as many as wanted", () => {
    const runs = parseSchedule("0 * * * *").through(
      new Date("2026-01-01T00:00:00Z"),
      new Date("2026-01-01T02:30:00Z"),
      2,
    );
    expect(runs.map((run) => run.getUTCHours())).toEqual([1, 2, 3, 4]);
  });

  it.each(["* * * * * *", "61 * * * *", "nonsense"])("refuses %s", (expression) => {
    expect(() => parseSchedule(expression)).toThrow();
  });
});
