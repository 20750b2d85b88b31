create or replace function usage.member_upgrade_for(p_workspace_id uuid, p_metric text, p_needed bigint)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object('planId', plan.id, 'name', plan.name, 'priceCents', plan.price_cents)
  from billing.plans as plan
  join billing.plan_limits as bound
    on bound.plan_id = plan.id
    and bound.metric = p_metric
  left join billing.member_limits as each_may
    on each_may.plan_id = plan.id
    and each_may.metric = p_metric
  where plan.rank > (
      select present.rank
      from billing.plans as present
      where present.id = billing.plan_of(p_workspace_id)
    )
    and plan.is_public
    and (bound.limit_value is null or bound.limit_value >= p_needed)
    and (each_may.limit_value is null or each_may.limit_value >= p_needed)
    -- What the workspace itself has set no plan changes.
    and not exists (
      select
      from billing.member_limits as own
      where own.workspace_id = p_workspace_id
        and own.metric = p_metric
    )
  order by plan.price_on_request, plan.price_cents, plan.rank
  limit 1
$$;

comment on function usage.member_upgrade_for(uuid, text, bigint) is 'The cheapest higher plan on the price list that allows one member a total of a metric; null when none does.';

revoke execute on function usage.member_upgrade_for(uuid, text, bigint) from public;
