import { describe, expect, it } from "@jest/globals";
import {
  advise,
  forecast,
  type MetricOutlook,
  type OfferedPlan,
  type Outlook,
} from "../../../src/domain/limits/index.ts";

const day = 86_400_000;
const startMs = Date.UTC(2026, 3, 1);
/** A month of thirty days, so many of them over. */
const clock = (days: number) => ({ startMs, endMs: startMs + 30 * day, nowMs: startMs + days * day });

const messages = (used: bigint, changes: Partial<MetricOutlook> = {}): MetricOutlook => ({
  metric: "messages",
  kind: "counter",
  used,
  reserved: 0n,
  limit: 100n,
  history: [],
  ...changes,
});

describe("forecast", () => {
  it("goes on at the pace of the period, and says when the limit is reached", () => {
    expect(forecast(messages(60n), clock(10))).toEqual({
      projected: 180n,
      fullAtMs: startMs + (50 * day) / 3,
    });
  });

  it.each([
    ["nothing before a fifth of the first period", messages(50n), 1, 50n],
    ["something from then on", messages(50n), 6, 250n],
    ["the past at the start, before anything is used", messages(0n, { history: [90n] }), 0, 90n],
    ["mostly the latest of the past", messages(0n, { history: [120n, 60n, 60n] }), 0, 90n],
    ["half the past and half its own pace in the middle", messages(10n, { history: [90n] }), 15, 37n],
    ["what is used at the end", messages(40n, { history: [90n] }), 30, 40n],
    ["what is held as used", messages(10n, { reserved: 30n }), 1, 40n],
  ])("expects %s", (_, outlook, days, projected) => {
    expect(forecast(outlook, clock(days)).projected).toBe(projected);
  });

  it("lets a gauge grow by what is above its last peak, never fall", () => {
    const storage = (used: bigint, history: readonly bigint[]) =>
      forecast(messages(used, { kind: "gauge", history }), clock(15)).projected;
    expect(storage(60n, [40n])).toBe(80n);
    expect(storage(60n, [])).toBe(60n);
    expect(storage(30n, [40n])).toBe(30n);
    expect(storage(60n, [50n, 30n])).toBe(70n);
  });

  it("is full now where the limit is reached, and never where there is none", () => {
    expect(forecast(messages(100n), clock(10)).fullAtMs).toBe(clock(10).nowMs);
    expect(forecast(messages(0n, { limit: 0n }), clock(10)).fullAtMs).toBeNull();
    expect(forecast(messages(10n, { limit: null }), clock(10)).fullAtMs).toBeNull();
    expect(forecast(messages(30n), clock(10)).fullAtMs).toBeNull();
  });

  it("is exact beyond what a number holds", () => {
    const big = 4_611_686_018_427_387_904n;
    expect(forecast(messages(big, { limit: null }), clock(15)).projected).toBe(2n * big);
  });
});

const plan = (planId: string, rank: number, priceCents: number, limit: bigint | null): OfferedPlan => ({
  planId,
  name: planId,
  rank,
  priceCents,
  priceOnRequest: planId === "asked",
  limits: new Map([["messages", limit]]),
});
const pack = { addOnId: "pack", name: "Pack", metric: "messages", amount: 50n, priceCents: 500 };

const outlook = (metric: MetricOutlook, changes: Partial<Outlook> = {}): Outlook => ({
  ...clock(15),
  plan: { planId: "small", rank: 2, priceCents: 1_000 },
  metrics: [metric],
  plans: [
    plan("free", 1, 0, 20n),
    plan("large", 3, 3_000, 200n),
    plan("huge", 4, 2_900, 1_000n),
    plan("asked", 5, 0, null),
  ],
  addOns: [],
  kept: new Map(),
  overridden: new Set(),
  ...changes,
});

describe("advise", () => {
  it("suggests before anything is full what the end of the period needs, with headroom, at the least price", () => {
    const advice = advise(outlook(messages(60n)));
    expect(advice).toMatchObject({
      recommendation: "plan",
      pressing: [{ metric: "messages", reason: "forecast", projected: 120n, fullAtMs: startMs + 25 * day }],
      upgrade: { planId: "huge" },
    });
    expect(advice.why).toBe(
      "messages is heading for 120 of 100, full about 2026-04-26 00:00 UTC: huge is the cheapest with room for it",
    );
  });

  it("takes a dearer plan where the cheaper one does not fit, and one on request last", () => {
    const plans = [plan("large", 3, 3_000, 130n), plan("huge", 4, 9_000, 1_000n), plan("asked", 5, 0, null)];
    expect(advise(outlook(messages(60n), { plans })).upgrade?.planId).toBe("huge");
    expect(advise(outlook(messages(600n), { plans })).upgrade?.planId).toBe("asked");
    expect(advise(outlook(messages(600n), { plans: [] }))).toMatchObject({
      recommendation: "none",
      upgrade: null,
    });
  });

  it("names what is near and what is full", () => {
    const end = { nowMs: startMs + 29 * day };
    expect(advise(outlook(messages(76n), end)).pressing).toMatchObject([{ reason: "near", fullAtMs: null }]);
    expect(advise(outlook(messages(100n), end)).pressing).toMatchObject([{ reason: "full" }]);
    expect(advise(outlook(messages(70n), end))).toMatchObject({ recommendation: "none", pressing: [] });
  });

  it("prefers add-ons where they cost less than the step to a plan, in the quantity that the forecast takes", () => {
    expect(advise(outlook(messages(60n), { addOns: [pack] }))).toMatchObject({
      recommendation: "add-ons",
      addOns: [{ addOnId: "pack", quantity: 1, priceCents: 500 }],
      upgrade: { planId: "huge" },
    });
    expect(advise(outlook(messages(160n), { addOns: [pack] }))).toMatchObject({
      recommendation: "plan",
      addOns: [{ quantity: 6, priceCents: 3_000 }],
    });
    const overridden = new Set(["messages"]);
    expect(advise(outlook(messages(60n), { addOns: [pack], overridden })).addOns).toEqual([]);
  });

  it("buys no add-on where another metric stays short", () => {
    const bots = messages(9n, { metric: "bots", kind: "gauge", limit: 9n });
    const metrics = [messages(60n), bots];
    expect(advise(outlook(messages(60n), { metrics, addOns: [pack] })).addOns).toEqual([]);
  });

  it("wants a plan that has room for everything else as well, with the add-ons that stay", () => {
    const storage = messages(80n, { metric: "storage", limit: null });
    const metrics = [messages(60n), storage];
    const plans = [plan("huge", 4, 2_900, 1_000n)];
    expect(advise(outlook(messages(60n), { metrics, plans })).upgrade).toBeNull();
    const kept = new Map([["storage", 500n]]);
    expect(advise(outlook(messages(60n), { metrics, plans, kept })).upgrade?.planId).toBe("huge");
  });

  it("suggests less after three quiet periods, and only into twice the room", () => {
    const quiet = messages(4n, { history: [8n, 9n, 10n] });
    expect(advise(outlook(quiet))).toMatchObject({
      recommendation: "downgrade",
      downgrade: { planId: "free" },
    });
    expect(advise(outlook(messages(4n, { history: [8n, 11n, 10n] }))).downgrade).toBeNull();
    expect(advise(outlook(messages(4n, { history: [8n, 9n] }))).downgrade).toBeNull();
    expect(advise(outlook(messages(4n, { history: [8n, 9n, 10n, 90n] }))).downgrade).not.toBeNull();
    const neverUsed = messages(0n, { metric: "bots", limit: 5n });
    expect(advise(outlook(quiet, { metrics: [quiet, neverUsed] })).downgrade?.planId).toBe("free");
  });
});
