import { describe, expect, it } from "@jest/globals";
import { AppError } from "../../../../src/core/index.ts";
import { type CombinerLimits, createCombiner } from "../../../../src/core/queue/combiner.ts";
import { createTestClock } from "../../../../src/testing/index.ts";

interface Call {
  readonly requests: readonly string[];
  answer(): void;
  fail(error: unknown): void;
}

/** Requests are `lane:name`; every call waits until the test answers it. */
const setUp = (limits: Partial<CombinerLimits> = {}) => {
  const calls: Call[] = [];
  const clock = createTestClock();
  const combiner = createCombiner<string, string>({
    what: "test",
    call: (requests) =>
      new Promise((resolve, reject) => {
        calls.push({
          requests,
          answer: () => resolve(requests.map((request) => `${request}!`)),
          fail: reject,
        });
      }),
    laneOf: (request) => request.split(":")[0] ?? "",
    clock,
    limits,
  });
  return { calls, clock, ask: (request: string) => combiner.ask(request) };
};

/** Lets everything run that needs no outside event. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const outage = new AppError({ kind: "unavailable", code: "database-unavailable", message: "gone" });

describe("a combiner", () => {
  it("sends at once when nothing is in flight, and what arrives meanwhile in one call, each with its own answer", async () => {
    const { calls, ask } = setUp();
    const first = ask("a:1");
    const others = [ask("a:2"), ask("a:3"), ask("a:4")];
    expect(calls.map((call) => call.requests)).toEqual([["a:1"]]);
    calls[0]?.answer();
    expect(await first).toBe("a:1!");
    await settle();
    expect(calls[1]?.requests).toEqual(["a:2", "a:3", "a:4"]);
    calls[1]?.answer();
    expect(await Promise.all(others)).toEqual(["a:2!", "a:3!", "a:4!"]);
    expect(calls).toHaveLength(2);
  });

  it("never has two calls of a lane in flight, nor more calls than allowed, nor more requests in one", async () => {
    const { calls, ask } = setUp({ maxCalls: 2, maxBatch: 3 });
    for (const lane of ["a", "b", "c"]) for (let n = 0; n < 5; n += 1) void ask(`${lane}:${String(n)}`);
    expect(calls.map((call) => call.requests)).toEqual([["a:0"], ["b:0"]]);
    calls[0]?.answer();
    await settle();
    expect(calls[2]?.requests).toEqual(["c:0", "c:1", "c:2"]);
    expect(calls).toHaveLength(3);
  });

  it("gives every lane its turn, however much one of them asks", async () => {
    const { calls, ask } = setUp({ maxCalls: 1, maxBatch: 10 });
    for (let n = 0; n < 100; n += 1) void ask(`greedy:${String(n)}`);
    const modest = ask("modest:1");
    calls[0]?.answer();
    await settle();
    calls[1]?.answer();
    await settle();
    expect(calls.map((call) => call.requests.length)).toEqual([1, 1, 10]);
    expect(calls[1]?.requests).toEqual(["modest:1"]);
    expect(await modest).toBe("modest:1!");
  });

  it("answers the neighbours of a request that makes a call fail", async () => {
    const { calls, ask } = setUp();
    void ask("a:0");
    const answers = Promise.allSettled([ask("a:1"), ask("a:bad"), ask("a:2")]);
    calls[0]?.answer();
    await settle();
    calls[1]?.fail(new Error("bad"));
    await settle();
    calls[2]?.answer();
    await settle();
    calls[3]?.fail(new Error("bad alone"));
    await settle();
    calls[4]?.answer();
    expect(calls.slice(2).map((call) => call.requests)).toEqual([["a:1"], ["a:bad"], ["a:2"]]);
    expect(await answers).toMatchObject([
      { status: "fulfilled", value: "a:1!" },
      { status: "rejected", reason: { message: "bad alone" } },
      { status: "fulfilled", value: "a:2!" },
    ]);
  });

  it("asks nothing again after an outage, and goes on with the next", async () => {
    const { calls, ask } = setUp();
    void ask("a:0");
    const lost = Promise.allSettled([ask("a:1"), ask("a:2")]);
    calls[0]?.answer();
    await settle();
    calls[1]?.fail(outage);
    expect((await lost).map((one) => one.status === "rejected" && one.reason)).toEqual([outage, outage]);
    expect(calls).toHaveLength(2);
    const next = ask("a:3");
    await settle();
    calls[2]?.answer();
    expect(await next).toBe("a:3!");
  });

  it("refuses what waited too long without ever sending it, and what is one too many", async () => {
    const { calls, clock, ask } = setUp({ maxWaitMs: 1_000, maxWaiting: 2 });
    void ask("a:0");
    const early = ask("a:1");
    const isEarly = expect(early).rejects.toMatchObject({ kind: "unavailable", code: "overloaded" });
    clock.advance({ milliseconds: 600 });
    const late = ask("a:2");
    await expect(ask("a:3")).rejects.toMatchObject({ code: "overloaded" });
    clock.advance({ milliseconds: 400 });
    await isEarly;
    calls[0]?.answer();
    await settle();
    expect(calls[1]?.requests).toEqual(["a:2"]);
    calls[1]?.answer();
    expect(await late).toBe("a:2!");
  });

  it("refuses an answer that is missing", async () => {
    const clock = createTestClock();
    const combiner = createCombiner<string, string>({
      what: "test",
      call: () => Promise.resolve([]),
      laneOf: () => "one",
      clock,
    });
    await expect(combiner.ask("x")).rejects.toThrow("fewer answers");
  });
});
