import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import {
  bytesPerGigabyte,
  formatAmount,
  formatUsage,
  getUsagePercentage,
  reachesPercent,
} from "../../../src/domain/usage/index.ts";

describe("getUsagePercentage", () => {
  it("is null for unlimited and finite for a limit of 0", () => {
    expect(getUsagePercentage(5n, null)).toBeNull();
    expect(getUsagePercentage(0n, 0n)).toBe(0);
    expect(getUsagePercentage(1n, 0n)).toBe(100);
  });

  it("is not rounded up to 100 and not capped at it", () => {
    expect(getUsagePercentage(99_999n, 100_000n)).toBe(99.99);
    expect(getUsagePercentage(15n, 10n)).toBe(150);
  });

  it("says 100 or more exactly when the limit is reached", () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 0n, max: 2n ** 62n }),
        fc.bigInt({ min: 1n, max: 2n ** 62n }),
        (used, limit) => {
          expect((getUsagePercentage(used, limit) ?? 0) >= 100).toBe(used >= limit);
          expect(reachesPercent(used, limit, 100n)).toBe(used >= limit);
        },
      ),
    );
  });
});

describe("formatUsage", () => {
  it.each([
    [1_234_567n, null, "count", "1,234,567 / Unlimited"],
    [(bytesPerGigabyte * 32n) / 10n, 5n * bytesPerGigabyte, "bytes", "3.19 GB / 5 GB"],
    [526_133_494n, 5n * bytesPerGigabyte, "bytes", "501.76 MB / 5 GB"],
    [750n, 18_000n, "seconds", "12.5 min / 300 min"],
    [45n, 60n, "seconds", "45 s / 1 min"],
    [2_100n, 10_000n, "micro_usd", "$0.0021 / $0.01"],
    [499_999n, 500_000n, "micro_usd", "$0.49 / $0.50"],
    [0n, 0n, "bytes", "0 B / 0 B"],
  ])("prints %s of %s %s as %s", (used, limit, unit, text) => {
    expect(formatUsage(used, limit, unit)).toBe(text);
  });

  it("never shows a small workspace as empty nor an almost full one as full", () => {
    expect(formatAmount((bytesPerGigabyte * 49n) / 100n, "bytes")).toBe("501.75 MB");
    expect(formatAmount(5n * bytesPerGigabyte - 1n, "bytes")).toBe("4.99 GB");
  });

  it("prints what a double cannot hold", () => {
    expect(formatAmount(9_007_199_254_740_993n, "count")).toBe("9,007,199,254,740,993");
  });
});
