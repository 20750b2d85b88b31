import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import {
  calculateWarnings,
  checkLimit,
  hasExceededLimits,
  suggestUpgrade,
} from "../../../src/domain/limits/index.ts";
import { getLimit } from "../../../src/domain/plans/index.ts";
import { catalogue } from "./catalogue.ts";

const gigabyte = 1_073_741_824n;
const usage = (entries: Readonly<Record<string, bigint>>): ReadonlyMap<string, bigint> =>
  new Map(Object.entries(entries));
const check = (planId: string, metric: string, used: bigint, amount = 1n, reserved = 0n) =>
  checkLimit({ lookup: getLimit(catalogue, planId, metric), used, amount, reserved });

describe("checkLimit", () => {
  it("allows what ends at the limit and denies one more", () => {
    expect(check("free", "channels", 4n)).toMatchObject({ allowed: true, reason: null, remaining: 1n });
    expect(check("free", "channels", 5n)).toMatchObject({
      allowed: false,
      reason: "usage-limit-exceeded",
      remaining: 0n,
    });
    expect(check("free", "channels", 0n, 5n).allowed).toBe(true);
    expect(check("free", "channels", 0n, 6n).allowed).toBe(false);
  });

  it("compares bytes, so half a gigabyte too much is too much", () => {
    expect(check("free", "storage_bytes", (549n * gigabyte) / 100n, 1n).allowed).toBe(false);
    expect(check("free", "storage_bytes", 5n * gigabyte - 1n, 1n).allowed).toBe(true);
  });

  it("denies unknown metrics, unknown plans and what the plan lacks, each by its name", () => {
    expect(check("enterprise", "member", 0n)).toMatchObject({ allowed: false, reason: "unknown-metric" });
    expect(check("platinum", "members", 0n)).toMatchObject({ allowed: false, reason: "plan-required" });
    expect(check("free", "ai_seconds", 0n)).toMatchObject({ allowed: false, reason: "feature-not-in-plan" });
  });

  it("asks for a plan where a lapsed one had what is missing now", () => {
    const ask = (lapsedPlanId: string) =>
      checkLimit({
        lookup: getLimit(catalogue, "free", "ai_seconds"),
        lapsed: getLimit(catalogue, lapsedPlanId, "ai_seconds"),
        used: 0n,
      });
    expect(ask("starter")).toMatchObject({ allowed: false, reason: "plan-required" });
    expect(ask("enterprise")).toMatchObject({ allowed: false, reason: "plan-required" });
    expect(ask("free")).toMatchObject({ allowed: false, reason: "feature-not-in-plan" });
  });

  it("lets a soft limit pass up to its overage cap, and without one for good", () => {
    const soft = (used: bigint, overageCap?: bigint) =>
      checkLimit({
        lookup: {
          kind: "limited",
          limit: 10n,
          enforcement: "soft",
          ...(overageCap === undefined ? {} : { overageCap }),
        },
        used,
      });
    expect(soft(10n)).toMatchObject({ allowed: true, remaining: 0n });
    expect(soft(11n, 2n)).toMatchObject({ allowed: true, remaining: 0n });
    expect(soft(12n, 2n)).toMatchObject({ allowed: false, reason: "usage-limit-exceeded", limit: 10n });
  });

  it("is safe with a limit of 0", () => {
    expect(check("free", "bots", 0n)).toMatchObject({
      allowed: false,
      limit: 0n,
      remaining: 0n,
      percentage: 0,
    });
    expect(check("free", "bots", 3n).percentage).toBe(100);
  });

  it("counts what is reserved, and never says that less than nothing remains", () => {
    expect(check("free", "channels", 3n, 1n, 2n)).toMatchObject({ allowed: false, remaining: 0n });
    expect(check("free", "channels", 9n).remaining).toBe(0n);
  });

  it("lets a soft limit pass and unlimited take anything", () => {
    expect(check("free", "api_calls", 1_000n).allowed).toBe(true);
    expect(check("enterprise", "members", 2n ** 62n)).toMatchObject({
      allowed: true,
      limit: null,
      remaining: null,
      percentage: null,
    });
  });

  it("refuses negative amounts, which would wipe a counter", () => {
    expect(() => check("free", "channels", 3n, -1n)).toThrow("negative");
  });

  it("lets in exactly the limit, one by one", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 300n }), (limit) => {
        let used = 0n;
        while (
          used < 400n &&
          checkLimit({ lookup: { kind: "limited", limit, enforcement: "hard" }, used }).allowed
        )
          used += 1n;
        expect(used).toBe(limit);
      }),
      { numRuns: 30 },
    );
  });
});

describe("calculateWarnings", () => {
  it.each([
    [149n, undefined],
    [150n, "info"],
    [179n, "info"],
    [180n, "warning"],
    [199n, "warning"],
    [200n, "critical"],
    [260n, "critical"],
  ])("says of %s in 200: %s", (used, severity) => {
    expect(calculateWarnings(catalogue, "pro", usage({ members: used }))[0]?.severity).toBe(severity);
  });

  it("puts the fullest first and leaves out unlimited and unknown", () => {
    const warnings = calculateWarnings(
      catalogue,
      "free",
      usage({ members: 8n, channels: 5n, bots: 0n, nonsense: 9n }),
    );
    expect(warnings.map(({ metric }) => metric)).toEqual(["channels", "members"]);
    expect(calculateWarnings(catalogue, "enterprise", usage({ members: 1_000_000n }))).toEqual([]);
  });

  it("tells of use that the plan does not include", () => {
    expect(calculateWarnings(catalogue, "free", usage({ ai_seconds: 1n }))[0]).toMatchObject({
      severity: "critical",
      limit: 0n,
      percentage: 100,
    });
    expect(calculateWarnings(catalogue, "free", usage({ ai_seconds: 0n }))).toEqual([]);
  });
});

describe("hasExceededLimits", () => {
  it("is false at the limit and true beyond, in every metric", () => {
    expect(hasExceededLimits(catalogue, "free", usage({ members: 10n, channels: 5n }))).toBe(false);
    expect(hasExceededLimits(catalogue, "free", usage({ members: 11n }))).toBe(true);
    expect(hasExceededLimits(catalogue, "starter", usage({ ai_seconds: 6_001n }))).toBe(true);
  });
});

describe("suggestUpgrade", () => {
  const suggest = (
    planId: string,
    entries: Readonly<Record<string, bigint>>,
    features: readonly string[] = [],
  ) => suggestUpgrade({ catalogue, planId, usage: usage(entries), features })?.id ?? null;

  it("suggests nothing while everything fits, the limit itself included", () => {
    expect(suggest("free", { members: 10n, channels: 5n })).toBeNull();
  });

  it("names the first plan that fits, not simply the next", () => {
    expect(suggest("free", { channels: 6n })).toBe("starter");
    expect(suggest("free", { channels: 80n })).toBe("pro");
    expect(suggest("free", { channels: 6n, members: 500n })).toBe("enterprise");
    expect(suggest("free", { ai_seconds: 1n })).toBe("starter");
  });

  it("looks at features too and never goes down", () => {
    expect(suggest("free", {}, ["sso_integration"])).toBe("pro");
    expect(suggest("pro", { channels: 101n })).toBe("enterprise");
    expect(suggest("enterprise", { channels: 10_000n })).toBeNull();
  });

  it("has no answer to what no plan allows", () => {
    expect(suggest("free", { nonsense: 1n })).toBeNull();
    expect(suggest("free", {}, ["nonsense"])).toBeNull();
  });
});
