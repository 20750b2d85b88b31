create or replace function usage.not_included_reason(p_workspace_id uuid, p_metric text)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select case
    when live.subscription_id is null and bound.plan_id is not null then 'plan-required'
    else 'feature-not-in-plan'
  end
  from (select 1) as always
  left join lateral billing.live_subscription(p_workspace_id) as live
    on true
  left join lateral (
    select subscription.plan_id
    from billing.subscriptions as subscription
    where subscription.workspace_id = p_workspace_id
      and subscription.starts_at <= now()
    order by subscription.starts_at desc, subscription.created_at desc
    limit 1
  ) as lapsed
    on true
  left join billing.plan_limits as bound
    on bound.plan_id = lapsed.plan_id
    and bound.metric = p_metric
$$;

comment on function usage.not_included_reason(uuid, text) is 'Returns why a metric is not included: plan-required where no subscription is live and the plan of the last one includes the metric, so that resuming is enough; else feature-not-in-plan. Refusals of counters, the gate and leases carry it.';

revoke execute on function usage.not_included_reason(uuid, text) from public;
