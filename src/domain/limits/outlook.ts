import type { Queryable } from "../../core/index.ts";
import type { OfferedAddOn, OfferedPlan, Outlook } from "./advice.ts";
import type { MetricOutlook } from "./forecast.ts";

/** As `usage.forecast` tells it: bigints as text, which a JSON number would round. */
interface StoredOutlook {
  readonly now: string;
  readonly periodStart: string;
  readonly periodEnd: string;
  readonly plan: Outlook["plan"];
  readonly metrics: readonly (Omit<MetricOutlook, "used" | "reserved" | "limit" | "history"> & {
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

/** What `advise` needs to know of a workspace; null where there is none. */
export const readOutlook = async (database: Queryable, workspaceId: string): Promise<Outlook | null> => {
  const [row] = await database.query<{ readonly outlook: StoredOutlook | null }>(
    "select usage.forecast($1::uuid) as outlook",
    [workspaceId],
    { name: "usage_outlook" },
  );
  const stored = row?.outlook ?? null;
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
