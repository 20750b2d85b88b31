import type { Queryable } from "../../core/index.ts";

/** What a workspace has at this moment, read at this moment: a change of plan counts from the next request on. */
export interface Standing {
  readonly plan: { readonly id: string; readonly name: string; readonly rank: number };
  readonly features: ReadonlySet<string>;
  /** Largest single upload; null is unlimited. */
  readonly maxFileBytes: bigint | null;
  /** With an override of it; null is unlimited. */
  readonly requestsPerMinute: number | null;
  /** Rank of every plan there is. */
  readonly ranks: ReadonlyMap<string, number>;
}

/** What a workspace lacks. */
export type Need =
  | { readonly kind: "feature"; readonly feature: string }
  | { readonly kind: "plan"; readonly planId: string }
  | { readonly kind: "file"; readonly bytes: bigint }
  | { readonly kind: "rate"; readonly requestsPerMinute: number };

export interface Offer {
  readonly planId: string;
  readonly name: string;
  readonly priceCents: number;
}

export interface WayOut {
  /** Whether the thing exists at all: a name that nobody defined is a mistake, not something to buy. */
  readonly known: boolean;
  /** The last subscription would have it; it is paused, cancelled or over. */
  readonly lapsed: boolean;
  /** Cheapest plan of the price list above the present one that has it; a price on request counts as the dearest. */
  readonly upgrade: Offer | null;
}

export interface StandingReader {
  /** Null for a workspace that does not exist. */
  standingOf(workspaceId: string): Promise<Standing | null>;
  wayOut(workspaceId: string, need: Need): Promise<WayOut>;
}

interface StoredStanding {
  readonly id: string;
  readonly name: string;
  readonly rank: number;
  readonly max_file_bytes: string | null;
  readonly limit_per_minute: string | null;
  readonly features: readonly string[];
  readonly ranks: Readonly<Record<string, number>>;
}

const standingSql = `
select
  plan.id,
  plan.name,
  plan.rank,
  plan.max_file_bytes::text as max_file_bytes,
  rate.limit_per_minute::text as limit_per_minute,
  (
    select coalesce(json_agg(included.feature), '[]')
    from billing.plan_features as included
    where included.plan_id = plan.id
  ) as features,
  (
    select json_object_agg(any_plan.id, any_plan.rank)
    from billing.plans as any_plan
  ) as ranks
from public.workspaces as workspace
join billing.plans as plan
  on plan.id = billing.plan_of(workspace.id)
cross join lateral billing.rate_limit_of(workspace.id) as rate
where workspace.id = $1
`;

const fitsSql = (plan: string): string => `(
  ($2::text is null or exists (
    select
    from billing.plan_features as included
    where included.plan_id = ${plan}.id
      and included.feature = $2
  ))
  and ($3::text is null or ${plan}.rank >= (
    select wanted.rank
    from billing.plans as wanted
    where wanted.id = $3
  ))
  and ($4::bigint is null or ${plan}.max_file_bytes is null or ${plan}.max_file_bytes >= $4::bigint)
  and ($5::integer is null or ${plan}.rate_limit_per_minute > $5::integer)
)`;

const wayOutSql = `
with last_one as (
  select subscription.plan_id
  from billing.subscriptions as subscription
  where subscription.workspace_id = $1
    and subscription.starts_at <= now()
  order by subscription.starts_at desc, subscription.created_at desc
  limit 1
),
present as (
  select plan.id, plan.rank
  from billing.plans as plan
  where plan.id = billing.plan_of($1)
)
select
  ($2::text is null or exists (
    select
    from billing.features as known
    where known.key = $2
  ))
  and ($3::text is null or exists (
    select
    from billing.plans as known
    where known.id = $3
  )) as known,
  exists (
    select
    from last_one
    join billing.plans as plan on plan.id = last_one.plan_id
    where plan.id <> (select present.id from present)
      and ${fitsSql("plan")}
  ) as lapsed,
  (
    select json_build_object('planId', plan.id, 'name', plan.name, 'priceCents', plan.price_cents)
    from billing.plans as plan
    where plan.is_public
      and plan.rank > (select present.rank from present)
      and ${fitsSql("plan")}
    order by plan.price_on_request, plan.price_cents, plan.rank
    limit 1
  ) as upgrade
`;

export const createStandingReader = ({ database }: { readonly database: Queryable }): StandingReader => ({
  standingOf: async (workspaceId) => {
    const [row] = await database.query<StoredStanding>(standingSql, [workspaceId], {
      name: "plans_standing",
    });
    if (row === undefined) return null;
    return {
      plan: { id: row.id, name: row.name, rank: row.rank },
      features: new Set(row.features),
      maxFileBytes: row.max_file_bytes === null ? null : BigInt(row.max_file_bytes),
      requestsPerMinute: row.limit_per_minute === null ? null : Number(row.limit_per_minute),
      ranks: new Map(Object.entries(row.ranks)),
    };
  },
  wayOut: async (workspaceId, need) => {
    const [row] = await database.query<WayOut>(
      wayOutSql,
      [
        workspaceId,
        need.kind === "feature" ? need.feature : null,
        need.kind === "plan" ? need.planId : null,
        need.kind === "file" ? String(need.bytes) : null,
        need.kind === "rate" ? String(need.requestsPerMinute) : null,
      ],
      { name: "plans_way_out" },
    );
    return row ?? { known: false, lapsed: false, upgrade: null };
  },
});
