create or replace function billing.rate_limit_of(workspace_id uuid, at timestamptz default now())
returns table (
  limit_per_minute bigint,
  plan_id text,
  source text,
  valid_until timestamptz
)
language sql
stable
rows 1
as $$
  select
    case
      when workspace.id is null then 0
      when override.source is not null then override.limit_value
      else coalesce(plan.rate_limit_per_minute, 0)
    end,
    present.plan_id,
    case
      when workspace.id is null then 'unknown-workspace'
      when override.source is not null then override.source
      when plan.id is not null then 'plan'
      else 'none'
    end,
    -- least ignores nulls: a bound that does not exist never comes first.
    least(
      'infinity',
      (
        select min(bound.at)
        from billing.subscriptions as subscription
        cross join lateral (values (subscription.starts_at), (subscription.ends_at)) as bound (at)
        where subscription.workspace_id = rate_limit_of.workspace_id
          and bound.at > rate_limit_of.at
      ),
      (
        select min(bound.at)
        from billing.limit_overrides as applying
        cross join lateral (values (applying.starts_at), (applying.ends_at)) as bound (at)
        where applying.workspace_id = rate_limit_of.workspace_id
          and applying.metric = 'requests_per_minute'
          and bound.at > rate_limit_of.at
      )
    )
  from (values (billing.plan_of(rate_limit_of.workspace_id, rate_limit_of.at))) as present (plan_id)
  left join public.workspaces as workspace
    on workspace.id = rate_limit_of.workspace_id
  left join billing.plans as plan
    on plan.id = present.plan_id
  left join lateral (
    select
      applying.limit_value,
      'override'::text as source
    from billing.limit_overrides as applying
    where applying.workspace_id = rate_limit_of.workspace_id
      and applying.metric = 'requests_per_minute'
      and applying.starts_at <= rate_limit_of.at
      and (applying.ends_at is null or applying.ends_at > rate_limit_of.at)
    order by applying.starts_at desc, applying.created_at desc
    limit 1
  ) as override
    on true
$$;

comment on function billing.rate_limit_of(uuid, timestamptz) is 'Returns the requests a minute that a workspace may send at a moment, always one row: an override of requests_per_minute, else the limit of its plan. limit_per_minute: null is unlimited, 0 for an unknown workspace or plan. valid_until is the moment from which the clock alone may change the row. The gateway calls it.';
