import { describe, expect, it } from "@jest/globals";

import { createTestClock } from "../../../src/testing/index.ts";

describe("the test clock", () => {
  it("stands still until it is moved, also backwards", () => {
    const clock = createTestClock("2026-01-01T00:00:00Z");
    expect(clock.now()).toEqual(new Date("2026-01-01T00:00:00Z"));
    clock.advance({ days: 1, hours: 2, minutes: 3, seconds: 4, milliseconds: 5 });
    expect(clock.now()).toEqual(new Date("2026-01-02T02:03:04.005Z"));
    clock.set("2025-06-01T00:00:00Z");
    expect(clock.now()).toEqual(new Date("2025-06-01T00:00:00Z"));
    expect(() => {
      clock.set("tomorrow");
    }).toThrow("'tomorrow' is no moment");
  });

  it("fires timers in their order at their own time, those that they set as well, and none that was cancelled", () => {
    const clock = createTestClock("2026-01-01T00:00:00Z");
    const fired: string[] = [];
    const note = (name: string) => () => {
      fired.push(`${name} ${String(clock.now().getSeconds())}`);
    };
    clock.schedule(3_000, note("third"));
    clock.schedule(1_000, () => {
      note("first")();
      clock.schedule(1_000, note("second"));
    });
    clock.schedule(60_000, note("never"));
    clock.schedule(2_500, note("cancelled"))();
    clock.advance({ seconds: 10 });
    expect(fired).toEqual(["first 1", "second 2", "third 3"]);
  });
});
