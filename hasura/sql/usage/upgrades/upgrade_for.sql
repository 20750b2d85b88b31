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
          -- Add-ons that name no subscription stay on any plan.
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

comment on function usage.upgrade_for(uuid, text, bigint) is 'Returns the cheapest public plan of a higher rank that, with the add-ons that stay, lets the total use of a metric reach p_needed: planId, name, priceCents a month. A price on request comes last; null where no plan does. Refusals of the gate name it.';

revoke execute on function usage.upgrade_for(uuid, text, bigint) from public;
