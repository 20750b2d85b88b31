create or replace function usage.forecast(p_workspace_id uuid)
returns jsonb
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object(
    'now', now(),
    'periodStart', period.period_start,
    'periodEnd', period.period_end,
    'plan', (
      select jsonb_build_object('planId', plans.id, 'rank', plans.rank, 'priceCents', plans.price_cents)
      from billing.plans
      where plans.id = present.plan_id
    ),
    'metrics', (
      select coalesce(
        jsonb_agg(
          jsonb_build_object(
            'metric', level.metric,
            'kind', level.kind,
            'used', level.used::text,
            'reserved', level.reserved::text,
            'limit', level.limit_value::text,
            'overridden', level.source = 'override',
            'history', coalesce(past.used, '[]'),
            'kept', (
              select sum(bought.unit_amount::numeric * bought.quantity)::text
              from billing.subscription_add_ons as bought
              where bought.workspace_id = level.workspace_id
                and bought.metric = level.metric
                and bought.subscription_id is null
                and bought.starts_at <= now()
                and (bought.ends_at is null or bought.ends_at > now())
            )
          )
          order by level.metric
        ),
        '[]'
      )
      from usage.current as level
      left join (
        select
          ended.metric,
          jsonb_agg(coalesce(ended.used, ended.peak)::text order by ended.period_start desc) as used
        from usage.history as ended
        where ended.workspace_id = p_workspace_id
          -- Six months are enough: the forecast weighs the last three periods.
          and ended.period_start > now() - interval '200 days'
        group by ended.metric
      ) as past
        on past.metric = level.metric
      where level.workspace_id = p_workspace_id
    ),
    'plans', (
      select coalesce(
        jsonb_agg(
          jsonb_build_object(
            'planId', plans.id,
            'name', plans.name,
            'rank', plans.rank,
            'priceCents', plans.price_cents,
            'priceOnRequest', plans.price_on_request,
            'limits', (
              select coalesce(jsonb_object_agg(plan_limits.metric, plan_limits.limit_value::text), '{}')
              from billing.plan_limits
              where plan_limits.plan_id = plans.id
            )
          )
          order by plans.rank
        ),
        '[]'
      )
      from billing.plans
      where plans.is_public
        and plans.id <> present.plan_id
    ),
    'addOns', (
      select coalesce(
        jsonb_agg(
          jsonb_build_object(
            'addOnId', add_ons.id,
            'name', add_ons.name,
            'metric', add_ons.metric,
            'amount', add_ons.amount::text,
            'priceCents', add_ons.price_cents
          )
          order by add_ons.id
        ),
        '[]'
      )
      from billing.add_ons
      where add_ons.is_public
    )
  )
  from public.workspaces
  cross join lateral (
    select
      present.period_start,
      present.period_end
    from usage.period(workspaces.id) as present
    limit 1
  ) as period
  cross join lateral (
    select billing.plan_of(workspaces.id) as plan_id
    offset 0
  ) as present
  where workspaces.id = p_workspace_id
$$;

comment on function usage.forecast(uuid) is 'Returns the data of a forecast as JSON, bigints as text: the present period and plan of a workspace, use, limit and past periods of each metric, and the public plans and add-ons. Null for an unknown workspace. The action suggestUpgrade reads it.';

revoke execute on function usage.forecast(uuid) from public;
