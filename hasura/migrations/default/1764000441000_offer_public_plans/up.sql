-- A plan that is not on the price list may be one customer's own: it is nobody else's offer, and its name and price are
-- not theirs to read. A price of 0 that means "ask us" comes last.
create or replace function usage.upgrade_for(p_workspace_id uuid, p_metric text, p_needed bigint) returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object('planId', plan.id, 'name', plan.name, 'priceCents', plan.price_cents)
  from billing.plans as plan
  join billing.plan_limits as bound
    on bound.plan_id = plan.id
    and bound.metric = p_metric
  where plan.rank > (
      select present.rank
      from billing.plans as present
      where present.id = billing.plan_of(p_workspace_id)
    )
    and plan.is_public
    and (bound.limit_value is null or bound.limit_value >= p_needed)
  order by plan.price_on_request, plan.price_cents, plan.rank
  limit 1
$$;

comment on function usage.upgrade_for(uuid, text, bigint) is
  'The cheapest higher plan on the price list that allows a total of a metric; null when none does.';

do $do$
declare
  definition text := pg_get_functiondef('usage.suggest_upgrade(uuid)'::regprocedure);
  old_filter constant text := 'where candidate.rank > plan.rank';
  old_order constant text := 'order by candidate.rank';
begin
  if position(old_filter in definition) = 0 or position(old_order in definition) = 0 then
    raise exception 'usage.suggest_upgrade does not hold % or %', old_filter, old_order;
  end if;
  execute replace(
    replace(definition, old_filter, 'where candidate.rank > plan.rank and candidate.is_public'),
    old_order,
    'order by candidate.price_on_request, candidate.price_cents, candidate.rank'
  );
end
$do$;

comment on function usage.suggest_upgrade(uuid) is
  'The metrics of a workspace from 75 percent of their limit on, and the cheapest higher plan on the price list that has more of them and room for all else.';
