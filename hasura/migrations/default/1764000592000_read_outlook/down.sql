drop function usage.outlook(uuid);

create function usage.suggest_upgrade(workspace_id uuid)
 returns jsonb
 language sql
 stable security definer
 set search_path to 'pg_catalog', 'pg_temp'
as $$
  with present as (
    select level.*
    from usage.current as level
    where level.workspace_id = $1
  ),
  pressed as (
    select present.metric
    from present
    where present.status <> 'ok'
  ),
  plan as (
    select plans.id, plans.rank
    from billing.plans
    where plans.id = billing.plan_of($1)
  ),
  offer as (
    select candidate.id, candidate.name, candidate.price_cents
    from billing.plans as candidate
    cross join plan
    where candidate.rank > plan.rank and candidate.is_public
      and exists (
        select
        from pressed
      )
      and not exists (
        select
        from present
        left join billing.plan_limits as bound
          on bound.plan_id = candidate.id
          and bound.metric = present.metric
        where not (
          -- what is short must become more, and everything else must still fit
          case
            when bound.plan_id is null then present.used + present.reserved = 0 and present.status = 'ok'
            when bound.limit_value is null then true
            when present.status = 'ok' then bound.limit_value >= present.used + present.reserved
            else bound.limit_value > present.limit_value and bound.limit_value > present.used + present.reserved
          end
        )
      )
    order by candidate.price_on_request, candidate.price_cents, candidate.rank
    limit 1
  )
  select jsonb_build_object(
    'workspaceId', $1,
    'currentPlanId', (
      select plan.id
      from plan
    ),
    'metrics', (
      select coalesce(jsonb_agg(pressed.metric order by pressed.metric), '[]')
      from pressed
    ),
    'upgrade', (
      select jsonb_build_object('planId', offer.id, 'name', offer.name, 'priceCents', offer.price_cents)
      from offer
    )
  )
$$;

comment on function usage.suggest_upgrade(uuid) is
  'The metrics of a workspace from 75 percent of their limit on, and the cheapest higher plan on the price list that has more of them and room for all else.';

revoke execute on function usage.suggest_upgrade(uuid) from public;
