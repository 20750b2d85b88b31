import type { Queryable } from "../../core/index.ts";
import type { OfferedAddOn, OfferedPlan, ForecastData } from "./advice.ts";
import type { MetricForecastData } from "./forecast.ts";

/** As `usage.forecast` returns it: bigints as text, because a JSON number would round them. */
interface StoredForecastData {
  readonly now: string;
  readonly periodStart: string;
  readonly periodEnd: string;
  readonly plan: ForecastData["plan"];
  readonly metrics: readonly (Omit<MetricForecastData, "used" | "reserved" | "limit" | "history"> & {
    readonly used: string;
    readonly reserved: string;
    readonly limit: string | null;
    readonly history: readonly string[];
    readonly kept: string | null;
    readonly overridden: boolean;
  })[];
  readonly plans: readonly (Omit<OfferedPlan, "limits"> & {
    readonly limits: Readonly<Record<string, string | null>>;
  })[];
  readonly addOns: readonly (Omit<OfferedAddOn, "amount"> & { readonly amount: string })[];
}

const whole = (text: string | null): bigint | null => (text === null ? null : BigInt(text));

/** Reads the input of `advise` in one statement; null for an unknown workspace. */
export const readForecastData = async (
  database: Queryable,
  workspaceId: string,
): Promise<ForecastData | null> => {
  const [row] = await database.query<{ readonly data: StoredForecastData | null }>(
    "select usage.forecast($1::uuid) as data",
    [workspaceId],
    { name: "usage_forecast" },
  );
  const stored = row?.data ?? null;
  if (stored === null) return null;
  return {
    nowMs: Date.parse(stored.now),
    startMs: Date.parse(stored.periodStart),
    endMs: Date.parse(stored.periodEnd),
    plan: stored.plan,
    metrics: stored.metrics.map(({ metric, kind, used, reserved, limit, history }) => ({
      metric,
      kind,
      used: BigInt(used),
      reserved: BigInt(reserved),
      limit: whole(limit),
      history: history.map(BigInt),
    })),
    plans: stored.plans.map(({ limits, ...plan }) => ({
      ...plan,
      limits: new Map(Object.entries(limits).map(([metric, limit]) => [metric, whole(limit)])),
    })),
    addOns: stored.addOns.map((addOn) => ({ ...addOn, amount: BigInt(addOn.amount) })),
    kept: new Map(
      stored.metrics.flatMap(({ metric, kept }) => (kept === null ? [] : [[metric, BigInt(kept)] as const])),
    ),
    overridden: new Set(stored.metrics.flatMap(({ metric, overridden }) => (overridden ? [metric] : []))),
  };
};
