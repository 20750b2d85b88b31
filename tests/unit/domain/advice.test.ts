import { describe, expect, it } from "@jest/globals";
import {
  advise,
  forecast,
  type MetricForecastData,
  type OfferedPlan,
  type ForecastData,
} from "../../../src/domain/limits/index.ts";

const day = 86_400_000;
const startMs = Date.UTC(2026, 3, 1);
/** A month of thirty days of which so many have passed. */
const clock = (days: number) => ({ startMs, endMs: startMs + 30 * day, nowMs: startMs + days * day });

const messages = (used: bigint, changes: Partial<MetricForecastData> = {}): MetricForecastData => ({
  metric: "messages",
  kind: "counter",
  used,
  reserved: 0n,
  limit: 100n,
  history: [],
  ...changes,
});

describe("forecast", () => {
  it("projects the pace of the period and returns when the limit is reached", () => {
    expect(forecast(messages(60n), clock(10))).toEqual({
      projected: 180n,
      fullAtMs: startMs + (50 * day) / 3,
    });
  });

  it.each([
    ["the present use before a fifth of the first period", messages(50n), 1, 50n],
    ["the pace of the first period from a fifth of it on", messages(50n), 6, 250n],
    ["past use at the start, before any use", messages(0n, { history: [90n] }), 0, 90n],
    ["past periods weighted three, two, one", messages(0n, { history: [120n, 60n, 60n] }), 0, 90n],
    ["half past use and half the present pace in the middle", messages(10n, { history: [90n] }), 15, 37n],
    ["the present use at the end", messages(40n, { history: [90n] }), 30, 40n],
    ["reservations as use", messages(10n, { reserved: 30n }), 1, 40n],
  ])("returns %s", (_, data, days, projected) => {
    expect(forecast(data, clock(days)).projected).toBe(projected);
  });

  it("grows a gauge by what is above its last peak and never shrinks it", () => {
    const storage = (used: bigint, history: readonly bigint[]) =>
      forecast(messages(used, { kind: "gauge", history }), clock(15)).projected;
    expect(storage(60n, [40n])).toBe(80n);
    expect(storage(60n, [])).toBe(60n);
    expect(storage(30n, [40n])).toBe(30n);
    expect(storage(60n, [50n, 30n])).toBe(70n);
  });

  it("returns now for a limit that is reached and null without a limit", () => {
    expect(forecast(messages(100n), clock(10)).fullAtMs).toBe(clock(10).nowMs);
    expect(forecast(messages(0n, { limit: 0n }), clock(10)).fullAtMs).toBeNull();
    expect(forecast(messages(10n, { limit: null }), clock(10)).fullAtMs).toBeNull();
    expect(forecast(messages(30n), clock(10)).fullAtMs).toBeNull();
  });

  it("is exact above 2^53", () => {
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

const dataOf = (metric: MetricForecastData, changes: Partial<ForecastData> = {}): ForecastData => ({
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
  it("suggests the cheapest plan that fits the forecast with headroom before a limit is reached", () => {
    const advice = advise(dataOf(messages(60n)));
    expect(advice).toMatchObject({
      recommendation: "plan",
      pressing: [{ metric: "messages", reason: "forecast", projected: 120n, fullAtMs: startMs + 25 * day }],
      upgrade: { planId: "huge" },
    });
    expect(advice.why).toBe(
      "messages is forecast to reach 120 of 100, full about 2026-04-26 00:00 UTC: huge is the cheapest plan that fits the forecast",
    );
  });

  it("suggests a dearer plan where the cheaper one does not fit, and a price on request last", () => {
    const plans = [plan("large", 3, 3_000, 130n), plan("huge", 4, 9_000, 1_000n), plan("asked", 5, 0, null)];
    expect(advise(dataOf(messages(60n), { plans })).upgrade?.planId).toBe("huge");
    expect(advise(dataOf(messages(600n), { plans })).upgrade?.planId).toBe("asked");
    expect(advise(dataOf(messages(600n), { plans: [] }))).toMatchObject({
      recommendation: "none",
      upgrade: null,
    });
  });

  it("lists metrics that are near or at their limits", () => {
    const end = { nowMs: startMs + 29 * day };
    expect(advise(dataOf(messages(76n), end)).pressing).toMatchObject([{ reason: "near", fullAtMs: null }]);
    expect(advise(dataOf(messages(100n), end)).pressing).toMatchObject([{ reason: "full" }]);
    expect(advise(dataOf(messages(70n), end))).toMatchObject({ recommendation: "none", pressing: [] });
  });

  it("prefers add-ons, in the quantity of the forecast, where they cost less than the higher plan adds", () => {
    expect(advise(dataOf(messages(60n), { addOns: [pack] }))).toMatchObject({
      recommendation: "add-ons",
      addOns: [{ addOnId: "pack", quantity: 1, priceCents: 500 }],
      upgrade: { planId: "huge" },
    });
    expect(advise(dataOf(messages(160n), { addOns: [pack] }))).toMatchObject({
      recommendation: "plan",
      addOns: [{ quantity: 6, priceCents: 3_000 }],
    });
    const overridden = new Set(["messages"]);
    expect(advise(dataOf(messages(60n), { addOns: [pack], overridden })).addOns).toEqual([]);
  });

  it("suggests no add-ons unless they cover every pressing metric", () => {
    const bots = messages(9n, { metric: "bots", kind: "gauge", limit: 9n });
    const metrics = [messages(60n), bots];
    expect(advise(dataOf(messages(60n), { metrics, addOns: [pack] })).addOns).toEqual([]);
  });

  it("suggests a plan only if it fits every metric, counting add-ons that stay", () => {
    const storage = messages(80n, { metric: "storage", limit: null });
    const metrics = [messages(60n), storage];
    const plans = [plan("huge", 4, 2_900, 1_000n)];
    expect(advise(dataOf(messages(60n), { metrics, plans })).upgrade).toBeNull();
    const kept = new Map([["storage", 500n]]);
    expect(advise(dataOf(messages(60n), { metrics, plans, kept })).upgrade?.planId).toBe("huge");
  });

  it("suggests a downgrade after three periods of at most half the lower limit", () => {
    const quiet = messages(4n, { history: [8n, 9n, 10n] });
    expect(advise(dataOf(quiet))).toMatchObject({
      recommendation: "downgrade",
      downgrade: { planId: "free" },
    });
    expect(advise(dataOf(messages(4n, { history: [8n, 11n, 10n] }))).downgrade).toBeNull();
    expect(advise(dataOf(messages(4n, { history: [8n, 9n] }))).downgrade).toBeNull();
    expect(advise(dataOf(messages(4n, { history: [8n, 9n, 10n, 90n] }))).downgrade).not.toBeNull();
    const neverUsed = messages(0n, { metric: "bots", limit: 5n });
    expect(advise(dataOf(quiet, { metrics: [quiet, neverUsed] })).downgrade?.planId).toBe("free");
  });
});
