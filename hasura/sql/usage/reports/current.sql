create or replace view usage.current as
select
  workspaces.id as workspace_id,
  metrics.key as metric,
  metrics.kind,
  metrics.unit,
  coalesce(counters.used, 0) as used,
  open_reservations.reserved,
  bound.limit_value,
  case
    when bound.limit_value is not null
      then greatest(bound.limit_value - coalesce(counters.used, 0) - open_reservations.reserved, 0)
  end as remaining,
  round(share.percent, 2) as percent,
  usage.status_of(share.percent) as status,
  period.period_start,
  case metrics.kind
    when 'counter' then period.period_end
  end as resets_at,
  -- The rate is that up to the last use. Up to now, the value would change with the clock, and every live subscription
  -- would be sent a row at every poll.
  case
    when counters.used > 0 and counters.used >= bound.limit_value then counters.updated_at
    when counters.used > 0
      and bound.limit_value is not null
      and rate.elapsed > 0
      and rate.seconds_to_limit < 315360000
      and (
        metrics.kind = 'gauge'
        or counters.updated_at + make_interval(secs => rate.seconds_to_limit) < period.period_end
      )
      then date_trunc('second', counters.updated_at + make_interval(secs => rate.seconds_to_limit))
  end as forecast_at,
  plan.plan_id,
  bound.included,
  counters.updated_at,
  greatest(coalesce(counters.used, 0) - bound.limit_value, 0) as overage,
  bound.enforcement,
  case
    when bound.enforcement = 'hard' then bound.limit_value
    when bound.overage_cap is not null
      then least(bound.limit_value::numeric + bound.overage_cap, 9000000000000000000)::bigint
  end as cap_value,
  bound.source
from public.workspaces
cross join lateral (
  select
    present.period_start,
    present.period_end
  from usage.period(workspaces.id) as present
  limit 1
) as period
cross join lateral (
  select
    coalesce(live.plan_id, 'free') as plan_id,
    live.subscription_id,
    live.status,
    exists (
      select
      from billing.subscription_add_ons as bought
      where bought.workspace_id = workspaces.id
    ) as has_add_ons,
    exists (
      select
      from billing.plan_graces as grace
      where grace.workspace_id = workspaces.id
    ) as has_graces
  from (select 1) as always
  left join lateral billing.live_subscription(workspaces.id) as live
    on true
  offset 0
) as plan
cross join usage.metrics
-- From here to bound: the rules of billing.limit_of as joins. Calls for each metric would be four fifths of the view's time.
left join billing.plan_limits as planned
  on planned.plan_id = plan.plan_id
  and planned.metric = metrics.key
-- Looked up only where the workspace has any: most have neither graces nor add-ons.
cross join lateral (
  select
    case
      when plan.has_graces then (
        select grace.plan_id
        from billing.plan_graces as grace
        join billing.plan_limits as kept
          on kept.plan_id = grace.plan_id
          and kept.metric = metrics.key
        where grace.workspace_id = workspaces.id
          and grace.starts_at <= now()
          and grace.ends_at > now()
        order by kept.limit_value desc nulls first
        limit 1
      )
    end as grace_plan_id,
    case
      when plan.has_add_ons then (
        select sum(bought.unit_amount::numeric * bought.quantity)
        from billing.subscription_add_ons as bought
        where bought.workspace_id = workspaces.id
          and bought.metric = metrics.key
          and bought.starts_at <= now()
          and (bought.ends_at is null or bought.ends_at > now())
          and (bought.subscription_id is null or bought.subscription_id = plan.subscription_id)
      )
    end as amount
  offset 0
) as added
left join billing.plan_limits as kept
  on kept.plan_id = added.grace_plan_id
  and kept.metric = metrics.key
left join lateral (
  select
    applying.limit_value,
    applying.enforcement,
    applying.overage_cap,
    true as applies
  from billing.limit_overrides as applying
  where applying.workspace_id = workspaces.id
    and applying.metric = metrics.key
    and applying.starts_at <= now()
    and (applying.ends_at is null or applying.ends_at > now())
  order by applying.starts_at desc, applying.created_at desc
  limit 1
) as override
  on true
cross join lateral (
  select
    plan.status is not distinct from 'trialing' and planned.trial_limit_value is not null as on_trial,
    case
      when planned.metric is null then 0
      when plan.status = 'trialing' then coalesce(planned.trial_limit_value, planned.limit_value)
      else planned.limit_value
    end as limit_value
) as own
cross join lateral (
  select
    kept.metric is not null
    and (
      planned.metric is null
      or coalesce(kept.limit_value > own.limit_value, own.limit_value is not null)
    ) as is_kept
) as higher
cross join lateral (
  select
    case
      when higher.is_kept then kept.limit_value
      else own.limit_value
    end as limit_value,
    case
      when higher.is_kept then kept.enforcement
      else coalesce(planned.enforcement, 'hard')
    end as enforcement,
    case
      when higher.is_kept then kept.overage_cap
      else planned.overage_cap
    end as overage_cap
) as base
cross join lateral (
  select
    case
      when override.applies then override.limit_value
      when added.amount is null or base.limit_value is null then base.limit_value
      else least(base.limit_value + added.amount, 9000000000000000000)::bigint
    end as limit_value,
    override.applies is true
    or planned.metric is not null
    or higher.is_kept
    or added.amount is not null as included,
    coalesce(override.enforcement, base.enforcement) as enforcement,
    case
      when override.enforcement is null then base.overage_cap
      else override.overage_cap
    end as overage_cap,
    case
      when override.applies then 'override'
      when higher.is_kept or (planned.metric is not null and plan.status = 'past_due') then 'grace'
      when own.on_trial then 'trial'
      when added.amount is not null then 'add-on'
      when planned.metric is not null then 'plan'
      else 'none'
    end as source
  -- offset 0 keeps Postgres from copying these expressions into each column above, which would compute them again.
  offset 0
) as bound
left join usage.counter_totals as counters
  on counters.workspace_id = workspaces.id
  and counters.metric = metrics.key
  and counters.period_start = case metrics.kind
    when 'gauge' then '-infinity'
    else period.period_start
  end
cross join lateral (
  select coalesce(sum(reservations.amount), 0)::bigint as reserved
  from usage.reservations
  where reservations.workspace_id = workspaces.id
    and reservations.metric = metrics.key
    and reservations.status = 'held'
    and reservations.expires_at > now()
) as open_reservations
cross join lateral (
  select
    case
      when bound.limit_value > 0 then coalesce(counters.used, 0) * 100::numeric / bound.limit_value
      when bound.limit_value = 0 and counters.used > 0 then 100::numeric
      when bound.limit_value = 0 then 0::numeric
    end as percent
) as share
cross join lateral (
  select
    extract(
      epoch from counters.updated_at - case metrics.kind
        when 'gauge' then workspaces.created_at
        else period.period_start
      end
    ) as elapsed,
    (
      (bound.limit_value - counters.used)
      * extract(
        epoch from counters.updated_at - case metrics.kind
          when 'gauge' then workspaces.created_at
          else period.period_start
        end
      )
      / nullif(counters.used, 0)
    )::double precision as seconds_to_limit
) as rate;

comment on view usage.current is 'Use, limit and status of every metric for every workspace in the present period, one row for each pair, also without use. Amounts are in the unit of the metric.';

comment on column usage.current.limit_value is 'Null is unlimited; 0 with included false is not in the plan.';
comment on column usage.current.percent is 'Share of the limit that is used, above 100 where use is above the limit; null without a limit.';
comment on column usage.current.status is 'ok, info from 75 percent, warning from 90, critical from 100.';
comment on column usage.current.resets_at is 'When the counter starts again at zero; null for a gauge.';
comment on column usage.current.forecast_at is 'When the limit will be reached at the rate of use so far; null if the counter resets first. The rate of a gauge is its growth since the workspace was created.';
comment on column usage.current.overage is 'Use above the limit, because the limit is soft or was lowered below the use.';
comment on column usage.current.cap_value is 'Ceiling that no use may pass: the limit where it is hard, limit and overage cap where it is soft; null is no ceiling.';
comment on column usage.current.source is 'Where the limit comes from: override, grace, trial, add-on, plan or none.';
