import { describe, expect, it } from "@jest/globals";
import { createLease, defaultLeaseSettings, type LeaseSettings } from "../../../../src/domain/lease/lease.ts";
import { type DrawAnswer, type DrawRequest } from "../../../../src/domain/lease/types.ts";
import { createTestClock } from "../../../../src/testing/index.ts";

interface Draw {
  readonly request: DrawRequest;
  answer(given?: Partial<DrawAnswer>): Promise<void>;
  fail(error: unknown): Promise<void>;
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const setUp = (settings: Partial<LeaseSettings> = {}) => {
  const draws: Draw[] = [];
  const errors: unknown[] = [];
  const clock = createTestClock();
  const lease = createLease({
    workspaceId: "w",
    metric: "api_calls",
    holder: "test",
    clock,
    settings: { ...defaultLeaseSettings, ...settings },
    draw: (request) =>
      new Promise((resolve, reject) => {
        draws.push({
          request,
          answer: (given = {}) => {
            resolve({
              reason: null,
              allowed: request.needs.map(() => true),
              ahead: request.step,
              hold: request.hold,
              leaseId: "l",
              used: 100,
              reserved: 10,
              limit: 1_000,
              periodStart: "p1",
              periodEnd: "p2",
              secondsLeft: 3_600,
              ...given,
            });
            return settle();
          },
          fail: (error) => {
            reject(error);
            return settle();
          },
        });
      }),
    onError: (error) => errors.push(error),
  });
  return { lease, draws, errors, clock };
};

describe("a lease", () => {
  it("asks once for all who wait and answers the next from memory", async () => {
    const { lease, draws } = setUp();
    const first = lease.take(1);
    const others = [lease.take(2), lease.take(3)];
    expect(draws.map(({ request }) => request)).toMatchObject([{ needs: [1], step: 0, giveBack: 0 }]);
    await draws[0]?.answer();
    expect(draws[1]?.request).toMatchObject({ needs: [2, 3], step: 8, hold: 32, leaseId: "l" });
    await draws[1]?.answer();
    expect(await first).toMatchObject({ allowed: true });
    expect(await Promise.all(others)).toMatchObject([{ allowed: true }, { allowed: true }]);
    expect(lease.take(3)).toEqual({
      allowed: true,
      reason: null,
      used: 95,
      reserved: 10,
      limit: 1_000,
      remaining: 895,
      resetsAt: "p2",
      retryAfterSeconds: null,
    });
    expect(draws).toHaveLength(2);
  });

  it("draws ahead before it is empty, in steps that last two seconds, grow eightfold at most and shrink without demand", async () => {
    const { lease, draws, clock } = setUp();
    void lease.take(1);
    await draws[0]?.answer();
    void lease.take(1);
    await draws[1]?.answer();
    for (let n = 0; n < 5; n += 1) expect(lease.take(1)).toMatchObject({ allowed: true });
    expect(draws[2]?.request).toMatchObject({ needs: [], step: 64, hold: 256, giveBack: 0 });
    await draws[2]?.answer();
    clock.advance({ milliseconds: 500 });
    for (let n = 0; n < 36; n += 1) expect(lease.take(1)).toMatchObject({ allowed: true });
    expect(draws[3]?.request).toMatchObject({ needs: [], step: 144 });
    await draws[3]?.answer();
    clock.advance({ seconds: 10 });
    for (let n = 0; n < 104; n += 1) void lease.take(1);
    expect(draws[4]?.request).toMatchObject({ needs: [], step: 21 });
  });

  it("counts as much ahead as its settings allow, and nothing where it is asked less than once a second", async () => {
    const { lease, draws, clock } = setUp({ maxStep: 20 });
    for (let n = 0; n < 3; n += 1) {
      void lease.take(1);
      await draws[n]?.answer({ ahead: 0 });
    }
    expect(draws.map(({ request }) => request.step)).toEqual([0, 8, 20]);
    clock.advance({ seconds: 2 });
    void lease.take(1);
    expect(draws[3]?.request).toMatchObject({ needs: [1], step: 0, hold: 0 });
    await draws[3]?.answer();
    clock.advance({ milliseconds: 500 });
    void lease.take(1);
    expect(draws[4]?.request).toMatchObject({ needs: [1], step: 8 });
    await draws[4]?.answer();
  });

  it("offers what it has left when a larger amount is asked, so that nothing idles here while it is refused", async () => {
    const { lease, draws } = setUp();
    void lease.take(1);
    await draws[0]?.answer({ ahead: 5 });
    const large = lease.take(9);
    expect(draws[1]?.request).toMatchObject({ needs: [9], giveBack: 5, giveBackPeriodStart: "p1" });
    await draws[1]?.answer({
      allowed: [false],
      ahead: 0,
      hold: 0,
      reason: "usage-limit-exceeded",
      used: 995,
    });
    expect(await large).toMatchObject({
      allowed: false,
      reason: "usage-limit-exceeded",
      used: 995,
      retryAfterSeconds: 3_600,
    });
  });

  it("uses no unit of a period that is over, and gives it back to that period", async () => {
    const { lease, draws, clock } = setUp();
    void lease.take(1);
    await draws[0]?.answer({ ahead: 7, secondsLeft: 60 });
    clock.advance({ seconds: 60 });
    const late = lease.take(1);
    expect(draws[1]?.request).toMatchObject({ needs: [1], giveBack: 7, giveBackPeriodStart: "p1" });
    await draws[1]?.answer({ periodStart: "p2", ahead: 0 });
    expect(await late).toMatchObject({ allowed: true });
  });

  it("sets aside what is left when the period changes under a draw", async () => {
    const { lease, draws } = setUp();
    void lease.take(1);
    await draws[0]?.answer({ ahead: 8 });
    for (let n = 0; n < 8; n += 1) void lease.take(1);
    void lease.take(1);
    await draws[1]?.answer({ ahead: 8 });
    for (let n = 0; n < 5; n += 1) void lease.take(1);
    expect(draws[2]?.request).toMatchObject({ needs: [] });
    await draws[2]?.answer({ periodStart: "p2", ahead: 8 });
    const given = lease.giveBack();
    await settle();
    expect(draws[3]?.request).toMatchObject({ giveBack: 8, giveBackPeriodStart: "p2" });
    await draws[3]?.answer({ leaseId: null });
    await given;
  });

  it("gives everything back when it is told, and draws anew afterwards", async () => {
    const { lease, draws, clock } = setUp();
    void lease.take(1);
    await draws[0]?.answer({ ahead: 6, hold: 32 });
    expect(lease.isIdle(clock.now().getTime())).toBe(false);
    clock.advance({ seconds: 1 });
    expect(lease.isIdle(clock.now().getTime())).toBe(true);
    const given = lease.giveBack();
    await settle();
    expect(draws[1]?.request).toMatchObject({ needs: [], step: 0, hold: 0, giveBack: 6, leaseId: "l" });
    await draws[1]?.answer({ leaseId: null });
    await given;
    void lease.take(1);
    expect(draws[2]?.request).toMatchObject({ needs: [1], leaseId: null });
  });

  it("waits longer for the next request where a thousand times as much is free as it keeps", async () => {
    const { lease, draws, clock } = setUp();
    const free = { limit: 100_000, used: 100, reserved: 10 };
    void lease.take(1);
    await draws[0]?.answer(free);
    clock.advance({ seconds: 5 });
    void lease.take(1);
    expect(draws[1]?.request).toMatchObject({ needs: [1], step: 8 });
    await draws[1]?.answer(free);
    clock.advance({ milliseconds: 9_999 });
    expect(lease.isIdle(clock.now().getTime())).toBe(false);
    expect(lease.take(1)).toMatchObject({ allowed: true });
    clock.advance({ seconds: 10 });
    expect(lease.isIdle(clock.now().getTime())).toBe(true);
  });

  it("tells those who wait of an outage, and goes on with the units that were counted before", async () => {
    const { lease, draws, errors } = setUp();
    const lost = lease.take(1);
    const heard = expect(lost).rejects.toThrow("gone");
    await draws[0]?.fail(new Error("gone"));
    await heard;
    void lease.take(1);
    await draws[1]?.answer({ ahead: 8 });
    for (let n = 0; n < 5; n += 1) expect(lease.take(1)).toMatchObject({ allowed: true });
    await draws[2]?.fail(new Error("gone again"));
    expect(errors).toHaveLength(1);
    for (let n = 0; n < 3; n += 1) expect(lease.take(1)).toMatchObject({ allowed: true });
    expect(lease.take(1)).toBeInstanceOf(Promise);
  });

  it.each([0, -1, 1.5, Number.NaN, 2 ** 53])("refuses the amount %p", (amount) => {
    expect(() => setUp().lease.take(amount)).toThrow("out of range");
  });
});

describe("units that came to nothing", () => {
  it("can be used again within their period, and stay counted after it", async () => {
    const { lease, draws } = setUp();
    const first = lease.take(1);
    await draws[0]?.answer({ ahead: 5, hold: 0 });
    const decision = await first;
    expect(lease.take(5)).toMatchObject({ allowed: true });
    lease.putBack(5, decision);
    expect(lease.take(5)).toMatchObject({ allowed: true });
    lease.putBack(5, { ...decision, resetsAt: "p0" });
    expect(lease.take(1)).toBeInstanceOf(Promise);
    expect(draws).toHaveLength(2);
    await draws[1]?.answer();
  });
});
