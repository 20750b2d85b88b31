import type { Plan, PlanCatalogue } from "../../../src/domain/plans/index.ts";

type Limits = Readonly<Record<string, bigint | null>>;

const gigabyte = 1_073_741_824n;

const plan = (
  id: string,
  rank: number,
  priceCents: number,
  features: readonly string[],
  limits: Limits,
): Plan => ({
  id,
  name: id,
  rank,
  priceCents,
  yearlyPriceCents: priceCents * 10,
  priceOnRequest: id === "enterprise",
  rateLimitPerMinute: 100,
  maxFileBytes: null,
  features: new Set(features),
  limits: new Map(
    Object.entries(limits).map(([metric, limit]) => [
      metric,
      { metric, limit, enforcement: metric === "api_calls" ? "soft" : "hard" },
    ]),
  ),
});

export const catalogue: PlanCatalogue = {
  plans: [
    plan("free", 0, 0, ["data_export"], {
      members: 10n,
      channels: 5n,
      storage_bytes: 5n * gigabyte,
      bots: 0n,
      api_calls: 100n,
    }),
    plan("starter", 1, 800, ["data_export", "webhooks"], {
      members: 50n,
      channels: 25n,
      storage_bytes: 50n * gigabyte,
      bots: 5n,
      ai_seconds: 6_000n,
      api_calls: 500n,
    }),
    plan("pro", 2, 2_500, ["data_export", "webhooks", "sso_integration"], {
      members: 200n,
      channels: 100n,
      storage_bytes: 250n * gigabyte,
      bots: 20n,
      ai_seconds: 30_000n,
      api_calls: 2_000n,
    }),
    plan("enterprise", 4, 0, ["data_export", "webhooks", "sso_integration"], {
      members: null,
      channels: null,
      storage_bytes: null,
      bots: null,
      ai_seconds: null,
      api_calls: null,
    }),
  ],
  metrics: new Set(["members", "channels", "storage_bytes", "bots", "ai_seconds", "api_calls"]),
  features: new Set(["data_export", "webhooks", "sso_integration"]),
};
