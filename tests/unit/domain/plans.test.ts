import { describe, expect, it } from "@jest/globals";
import {
  createPlanRepository,
  formatPrice,
  getLimit,
  isFeatureAllowed,
  yearlySavingCents,
} from "../../../src/domain/plans/index.ts";
import { catalogue } from "./catalogue.ts";

describe("isFeatureAllowed", () => {
  it("allows what the plan includes and nothing else", () => {
    expect(isFeatureAllowed(catalogue, "starter", "webhooks")).toBe(true);
    expect(isFeatureAllowed(catalogue, "free", "webhooks")).toBe(false);
  });

  it("denies an unknown plan, an unknown feature and a metric without throwing", () => {
    expect(isFeatureAllowed(catalogue, "platinum", "webhooks")).toBe(false);
    expect(isFeatureAllowed(catalogue, "pro", "webhook")).toBe(false);
    expect(isFeatureAllowed(catalogue, "pro", "members")).toBe(false);
  });
});

describe("getLimit", () => {
  it("reads a misspelt metric as unknown, never as unlimited", () => {
    expect(getLimit(catalogue, "enterprise", "member")).toEqual({ kind: "unknown-metric" });
  });

  it("reads a missing row as not included, never as unlimited", () => {
    expect(getLimit(catalogue, "free", "ai_seconds")).toEqual({ kind: "not-included" });
  });

  it("tells unlimited from zero and names an unknown plan", () => {
    expect(getLimit(catalogue, "enterprise", "bots")).toEqual({ kind: "unlimited" });
    expect(getLimit(catalogue, "free", "bots")).toEqual({ kind: "limited", limit: 0n, enforcement: "hard" });
    expect(getLimit(catalogue, "platinum", "bots")).toEqual({ kind: "unknown-plan" });
  });
});

describe("formatPrice", () => {
  it("does not call a price on request free", () => {
    expect(formatPrice({ priceCents: 0, priceOnRequest: true })).toBe("Custom");
    expect(formatPrice({ priceCents: 0, priceOnRequest: false })).toBe("Free");
  });

  it("prints cents only where there are some", () => {
    expect(formatPrice({ priceCents: 2_500, priceOnRequest: false })).toBe("$25");
    expect(formatPrice({ priceCents: 123_405, priceOnRequest: false })).toBe("$1,234.05");
  });

  it("knows what a year saves", () => {
    expect(yearlySavingCents({ priceCents: 2_500, yearlyPriceCents: 25_000 })).toBe(5_000);
    expect(yearlySavingCents({ priceCents: 0, yearlyPriceCents: 0 })).toBe(0);
  });
});

describe("createPlanRepository", () => {
  it("keeps limits above 2^53 exact", async () => {
    const stored = {
      id: "big",
      name: "Big",
      rank: 9,
      priceCents: 1,
      yearlyPriceCents: 10,
      priceOnRequest: false,
      rateLimitPerMinute: 1,
      maxFileBytes: null,
      features: ["webhooks"],
      limits: [
        { metric: "storage_bytes", limit: "9007199254740993", enforcement: "hard", overageCap: null },
        { metric: "members", limit: null, enforcement: "soft", overageCap: null },
      ],
    };
    const repository = createPlanRepository({
      database: {
        query: <R>() =>
          Promise.resolve([
            { plans: [stored], metrics: ["storage_bytes", "members"], features: ["webhooks"] },
          ] as R[]),
      },
    });
    const read = await repository.readCatalogue();
    expect(getLimit(read, "big", "storage_bytes")).toEqual({
      kind: "limited",
      limit: 9_007_199_254_740_993n,
      enforcement: "hard",
    });
    expect(getLimit(read, "big", "members")).toEqual({ kind: "unlimited" });
    expect(isFeatureAllowed(read, "big", "webhooks")).toBe(true);
  });
});
