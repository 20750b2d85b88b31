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
      when found.id is null then 0
      when override.source is not null then override.limit_value
      else coalesce(plans.rate_limit_per_minute, 0)
    end,
    plan.id,
    case
      when found.id is null then 'unknown-workspace'
      when override.source is not null then override.source
      when plans.id is not null then 'plan'
      else 'none'
    end,
    -- least passes over nulls: what does not change leaves the others to say when
    least(
      'infinity',
      (
        select min(edge)
        from billing.subscriptions s
        cross join lateral (values (s.starts_at), (s.ends_at)) as edges (edge)
        where s.workspace_id = rate_limit_of.workspace_id
        and edge > rate_limit_of.at
      ),
      (
        select min(edge)
        from billing.limit_overrides o
        cross join lateral (values (o.starts_at), (o.ends_at)) as edges (edge)
        where o.workspace_id = rate_limit_of.workspace_id
        and o.metric = 'requests_per_minute'
        and edge > rate_limit_of.at
      )
    )
  from (values (billing.plan_of(rate_limit_of.workspace_id, rate_limit_of.at))) as plan (id)
  left join public.workspaces as found
    on found.id = rate_limit_of.workspace_id
  left join billing.plans
    on plans.id = plan.id
  left join lateral (
    select o.limit_value, 'override'::text as source
    from billing.limit_overrides o
    where o.workspace_id = rate_limit_of.workspace_id
    and o.metric = 'requests_per_minute'
    and o.starts_at <= rate_limit_of.at
    and (o.ends_at is null or o.ends_at > rate_limit_of.at)
    order by o.starts_at desc, o.created_at desc
    limit 1
  ) as override
    on true
$$;

comment on function billing.rate_limit_of(uuid, timestamptz) is 'Requests a minute of a workspace at a moment, one row always: an override of requests_per_minute before the plan; null is unlimited; unknown workspaces and plans have 0. valid_until is when the clock may change the answer.';
