import type { Queryable } from "../../core/index.ts";
import type { Enforcement, Plan, PlanCatalogue, PlanLimit } from "./types.ts";

export interface PlanRepository {
  /** The whole catalogue, read in one statement so that plans, features and limits belong together. */
  readCatalogue(): Promise<PlanCatalogue>;
  /** The plan of a workspace at present; free without a live subscription. */
  planOf(workspaceId: string): Promise<string>;
}

interface StoredLimit {
  readonly metric: string;
  readonly limit: string | null;
  readonly enforcement: Enforcement;
  readonly overageCap: string | null;
}

interface StoredPlan {
  readonly id: string;
  readonly name: string;
  readonly rank: number;
  readonly priceCents: number;
  readonly yearlyPriceCents: number;
  readonly priceOnRequest: boolean;
  readonly rateLimitPerMinute: number;
  readonly maxFileBytes: string | null;
  readonly features: readonly string[];
  readonly limits: readonly StoredLimit[];
}

interface StoredCatalogue {
  readonly plans: readonly StoredPlan[];
  readonly metrics: readonly string[];
  readonly features: readonly string[];
}

// bigint leaves the database as text: a JSON number would lose what is above 2^53
const catalogueSql = `
select
  coalesce(
    (
      select json_agg(
        json_build_object(
          'id', p.id,
          'name', p.name,
          'rank', p.rank,
          'priceCents', p.price_cents,
          'yearlyPriceCents', p.yearly_price_cents,
          'priceOnRequest', p.price_on_request,
          'rateLimitPerMinute', p.rate_limit_per_minute,
          'maxFileBytes', p.max_file_bytes::text,
          'features', (
            select coalesce(json_agg(f.feature order by f.feature), '[]')
            from billing.plan_features f
            where f.plan_id = p.id
          ),
          'limits', (
            select coalesce(
              json_agg(json_build_object('metric', l.metric, 'limit', l.limit_value::text, 'enforcement', l.enforcement, 'overageCap', l.overage_cap::text) order by l.metric),
              '[]'
            )
            from billing.plan_limits l
            where l.plan_id = p.id
          )
        )
        order by p.rank
      )
      from billing.plans p
    ),
    '[]'
  ) as plans,
  (select coalesce(json_agg(m.key order by m.key), '[]') from usage.metrics m) as metrics,
  (select coalesce(json_agg(f.key order by f.key), '[]') from billing.features f) as features
`;

const toLimit = ({ metric, limit, enforcement, overageCap }: StoredLimit): PlanLimit => ({
  metric,
  limit: limit === null ? null : BigInt(limit),
  enforcement,
  ...(overageCap === null ? {} : { overageCap: BigInt(overageCap) }),
});

const toPlan = ({ maxFileBytes, features, limits, ...plan }: StoredPlan): Plan => ({
  ...plan,
  maxFileBytes: maxFileBytes === null ? null : BigInt(maxFileBytes),
  features: new Set(features),
  limits: new Map(limits.map((limit) => [limit.metric, toLimit(limit)])),
});

export const createPlanRepository = ({ database }: { readonly database: Queryable }): PlanRepository => ({
  readCatalogue: async () => {
    const [row] = await database.query<StoredCatalogue>(catalogueSql, [], { name: "plans_catalogue" });
    return {
      plans: (row?.plans ?? []).map(toPlan),
      metrics: new Set(row?.metrics),
      features: new Set(row?.features),
    };
  },
  planOf: async (workspaceId) => {
    const [row] = await database.query<{ readonly plan: string }>(
      "select billing.plan_of($1) as plan",
      [workspaceId],
      {
        name: "plans_plan_of",
      },
    );
    return row?.plan ?? "free";
  },
});
