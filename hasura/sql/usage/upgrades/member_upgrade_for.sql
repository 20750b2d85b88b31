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
  left join billing.member_limits as member_bound
    on member_bound.plan_id = plan.id
    and member_bound.metric = p_metric
  where plan.rank > (
      select present.rank
      from billing.plans as present
      where present.id = billing.plan_of(p_workspace_id)
    )
    and plan.is_public
    and (bound.limit_value is null or bound.limit_value >= p_needed)
    and (member_bound.limit_value is null or member_bound.limit_value >= p_needed)
    -- A limit that the workspace sets for its members stays on any plan.
    and not exists (
      select
      from billing.member_limits as own
      where own.workspace_id = p_workspace_id
        and own.metric = p_metric
    )
  order by plan.price_on_request, plan.price_cents, plan.rank
  limit 1
$$;

comment on function usage.member_upgrade_for(uuid, text, bigint) is 'Returns the cheapest public plan of a higher rank that lets the use of a metric by one member reach p_needed: planId, name, priceCents a month. Null where no plan does, also because the workspace has set the limit itself. Refusals of the gate name it.';

revoke execute on function usage.member_upgrade_for(uuid, text, bigint) from public;
