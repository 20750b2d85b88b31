create or replace function usage.upgrade_for(p_workspace_id uuid, p_metric text, p_needed bigint)
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
  where plan.rank > (
      select present.rank
      from billing.plans as present
      where present.id = billing.plan_of(p_workspace_id)
    )
    and plan.is_public
    and (
      bound.limit_value is null
      or bound.limit_value + coalesce(
        (
          -- What stays on whatever plan there is.
          select sum(bought.unit_amount::numeric * bought.quantity)
          from billing.subscription_add_ons as bought
          where bought.workspace_id = p_workspace_id
            and bought.metric = p_metric
            and bought.subscription_id is null
            and bought.starts_at <= now()
            and (bought.ends_at is null or bought.ends_at > now())
        ),
        0
      ) >= p_needed
    )
  order by plan.price_on_request, plan.price_cents, plan.rank
  limit 1
$$;

comment on function usage.upgrade_for(uuid, text, bigint) is 'The cheapest higher plan on the price list that, with the add-ons of the workspace, allows a total of a metric; null when none does.';

revoke execute on function usage.upgrade_for(uuid, text, bigint) from public;
