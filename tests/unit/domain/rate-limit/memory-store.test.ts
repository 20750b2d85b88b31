import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { createMemoryStore, type RateAnswer } from "../../../../src/domain/rate-limit/index.ts";
import { createTestClock } from "../../../../src/testing/index.ts";
import { type Attempt, emptiestWindow, faultsOf } from "../../../support/rate-checker.ts";

const setUp = (options: { windowMs?: number; maxWindows?: number } = {}) => {
  const clock = createTestClock("2026-03-01T00:00:00Z");
  let nowMs = 1_000.25;
  const store = createMemoryStore({ clock, elapsedMs: () => nowMs, ...options });
  const take = (key: string, limit: number, weight = 1): RateAnswer =>
    store.take({ group: key, windows: [{ key, limit }], weight }) as RateAnswer;
  return {
    store,
    take,
    clock,
    now: () => nowMs,
    goOn: (ms: number) => {
      nowMs += ms;
    },
  };
};

/** Attempts at the given moments, each asked of the store in turn. */
const history = (moments: Iterable<{ atMs: number; weight?: number }>, limit: number): Attempt[] => {
  const { take, now, goOn } = setUp();
  const attempts: Attempt[] = [];
  for (const { atMs, weight = 1 } of moments) {
    goOn(atMs - now());
    attempts.push({ atMs, weight, allowed: take("k", limit, weight).allowed });
  }
  return attempts;
};

function* steady(everyMs: number, untilMs: number): Generator<{ atMs: number }> {
  for (let atMs = 0; atMs <= untilMs; atMs += everyMs) yield { atMs };
}

/** Rests, and sends more than a whole limit within a few milliseconds. */
function* bursty(size: number, everyMs: number, untilMs: number): Generator<{ atMs: number }> {
  for (let start = 0; start <= untilMs; start += everyMs)
    for (let n = 0; n < size; n += 1) yield { atMs: start + n / size };
}

/** Asks all it can just before and just after each full minute, where fixed windows let twice the limit through. */
function* hugging(size: number, untilMs: number): Generator<{ atMs: number }> {
  for (let minute = 60_000; minute <= untilMs; minute += 60_000)
    for (const edge of [minute - 5, minute + 5])
      for (let n = 0; n < size; n += 1) yield { atMs: edge + n / size };
}

describe("a rate limit in memory", () => {
  const limits = [1, 7, 100, 500, 2_000, 10_000];

  it.each(limits)("is kept in any minute by clients of every manner, limit %i", (limit) => {
    const everyMs = 60_000 / (limit * 2.3);
    for (const moments of [
      steady(everyMs, 200_000),
      bursty(Math.ceil(limit * 1.4), 17_000.5, 200_000),
      hugging(Math.ceil(limit * 1.2), 400_000),
    ])
      expect(faultsOf(history(moments, limit), limit)).toEqual([]);
  });

  it.each(limits)("is used to 99 %% in any minute by a client that never stops asking, limit %i", (limit) => {
    const everyMs = 60_000 / (limit * 400);
    const fast = history(steady(Math.max(everyMs, 2), 185_000), limit);
    expect(emptiestWindow(fast, 0, 185_000)).toBeGreaterThanOrEqual(Math.floor(limit * 0.99));
  });

  it("holds for any weights and any pauses", () => {
    const step = fc.record({
      pauseMs: fc.oneof(
        fc.integer({ min: 0, max: 40 }),
        fc.integer({ min: 0, max: 3_000 }),
        fc.constantFrom(59_999, 60_000, 60_001),
      ),
      weight: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 40 })),
      times: fc.integer({ min: 1, max: 60 }),
    });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 3_000 }),
        fc.array(step, { minLength: 20, maxLength: 120 }),
        (limit, steps) => {
          let atMs = 0;
          const moments = steps.flatMap(({ pauseMs, weight, times }) =>
            Array.from({ length: times }, (_, n) => {
              atMs += n === 0 ? pauseMs : pauseMs / 50;
              return { atMs, weight };
            }),
          );
          expect(faultsOf(history(moments, limit), limit)).toEqual([]);
        },
      ),
      { numRuns: 60 },
    );
  });

  it("lets the checker see a limiter that is wrong", () => {
    const fixedWindow = [...hugging(100, 120_000)].map(({ atMs }) => ({ atMs, weight: 1, allowed: true }));
    expect(faultsOf(fixedWindow, 100)[0]).toMatchObject({ what: "above", inWindow: 101 });
    const tooStrict = [...steady(10, 60_000)].map(({ atMs }, n) => ({ atMs, weight: 1, allowed: n < 98 }));
    expect(faultsOf(tooStrict, 100)[0]).toMatchObject({ what: "below", inWindow: 98 });
    expect(emptiestWindow(tooStrict, 0, 60_000)).toBe(97);
  });

  it("charges a refused request nothing, however often it is repeated", () => {
    const { take, goOn } = setUp();
    expect(take("k", 10, 10).allowed).toBe(true);
    for (let n = 0; n < 1_000; n += 1) {
      goOn(59);
      expect(take("k", 10).allowed).toBe(false);
    }
    goOn(1_000);
    expect(take("k", 10, 10).allowed).toBe(true);
  });

  it("refuses over one window without counting in the others", () => {
    const { store } = setUp();
    const ask = (weight: number) =>
      store.take({
        group: "w",
        windows: [
          { key: "w", limit: 10 },
          { key: "u", limit: 4 },
        ],
        weight,
      }) as RateAnswer;
    expect(ask(4)).toMatchObject({ allowed: true, windows: [{ used: 4 }, { used: 4, waitMs: 0 }] });
    expect(ask(1)).toMatchObject({
      allowed: false,
      windows: [
        { used: 4, waitMs: 0 },
        { used: 4, waitMs: 60_000 },
      ],
    });
  });

  it("says how long to wait, and that waiting does not help where it does not", () => {
    const { take, goOn } = setUp();
    take("k", 10, 4);
    goOn(20_000);
    take("k", 10, 6);
    expect(take("k", 10, 4)).toMatchObject({
      allowed: false,
      windows: [{ used: 10, nextFreeMs: 40_000, waitMs: 40_000 }],
    });
    expect(take("k", 10, 5).windows[0]?.waitMs).toBe(60_000);
    expect(take("k", 10, 11).windows[0]?.waitMs).toBe(Number.POSITIVE_INFINITY);
    goOn(40_000);
    expect(take("k", 10, 4).allowed).toBe(true);
  });

  it("obeys another limit from the next request on, without forgetting what was used", () => {
    const { take } = setUp();
    expect(take("k", 10, 10).allowed).toBe(true);
    expect(take("k", 12, 2).allowed).toBe(true);
    expect(take("k", 5).allowed).toBe(false);
    expect(take("k", 13).allowed).toBe(true);
  });

  it("gives back what came to nothing, and only that", () => {
    const { store, take, goOn } = setUp();
    const ask = { group: "k", windows: [{ key: "k", limit: 3_000 }], weight: 3 };
    take("k", 3_000, 2_990);
    goOn(30_000);
    const answer = store.take(ask) as RateAnswer;
    goOn(100);
    expect(take("k", 3_000, 7).allowed).toBe(true);
    void store.giveBack(ask, answer);
    expect(take("k", 3_000, 4).allowed).toBe(false);
    expect(take("k", 3_000, 3).allowed).toBe(true);
    goOn(29_900);
    expect(take("k", 3_000, 2_991).allowed).toBe(false);
    expect(take("k", 3_000, 2_990).allowed).toBe(true);
  });

  it("keeps a share for others only while there are others", () => {
    const { store, goOn } = setUp();
    const ask = (actor: string): boolean =>
      (
        store.take({
          group: "w",
          presence: { scope: "w", actor },
          windows: [
            { key: "w", limit: 10 },
            { key: `w:${actor}`, limit: 8, whenShared: true },
          ],
          weight: 1,
        }) as RateAnswer
      ).allowed;
    const times = (actor: string, count: number): number =>
      Array.from({ length: count }, () => ask(actor)).filter(Boolean).length;
    expect(times("ann", 12)).toBe(10);
    // Being refused is enough to be noticed: ann may not take it all again while ben waits.
    goOn(59_000);
    expect(ask("ben")).toBe(false);
    goOn(1_000);
    expect(times("ann", 12)).toBe(8);
    expect(times("ben", 12)).toBe(2);
    goOn(60_000);
    expect(times("ann", 12)).toBe(10);
  });

  it("forgets windows that are empty, and lets those it has no room for share one", () => {
    const { store, take, clock, goOn } = setUp({ maxWindows: 3 });
    for (const key of ["a", "b", "c"]) take(key, 2);
    const spill = (key: string) =>
      (store.take({ group: key, windows: [{ key, limit: 2, overflowKey: "rest" }], weight: 1 }) as RateAnswer)
        .allowed;
    expect([spill("d"), spill("e"), spill("f")]).toEqual([true, true, false]);
    expect(() => take("g", 2)).toThrow("too many callers");
    expect(take("a", 2).allowed).toBe(true);
    goOn(60_000);
    clock.advance({ minutes: 1 });
    expect(store.size()).toBe(0);
    expect(take("g", 2).allowed).toBe(true);
  });
});
