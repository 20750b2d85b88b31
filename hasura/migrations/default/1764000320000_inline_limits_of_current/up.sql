create or replace view usage.current as
select
  workspaces.id as workspace_id,
  metrics.key as metric,
  metrics.kind,
  metrics.unit,
  coalesce(counters.used, 0) as used,
  held.reserved,
  bound.limit_value,
  case
    when bound.limit_value is not null then greatest(bound.limit_value - coalesce(counters.used, 0) - held.reserved, 0)
  end as remaining,
  round(share.percent, 2) as percent,
  usage.status_of(share.percent) as status,
  period.period_start,
  case metrics.kind when 'counter' then period.period_end end as resets_at,
  -- The rate up to the last use, not up to now: a value that changed with the clock would be sent to every
  -- live subscription at every poll.
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
  counters.updated_at
from public.workspaces
cross join lateral (
  select present.period_start, present.period_end
  from usage.period(workspaces.id) as present
  limit 1
) as period
cross join lateral (
  select billing.plan_of(workspaces.id) as plan_id
  offset 0
) as plan
cross join usage.metrics
-- As billing.limit_of finds it, joined: called for each metric it cost three statements a row, four fifths of the view's time.
left join billing.plan_limits as planned
  on planned.plan_id = plan.plan_id
  and planned.metric = metrics.key
left join lateral (
  select applying.limit_value, true as applies
  from billing.limit_overrides as applying
  where applying.workspace_id = workspaces.id
    and applying.metric = metrics.key
    and applying.starts_at <= now()
    and (applying.ends_at is null or applying.ends_at > now())
  order by applying.starts_at desc, applying.created_at desc
  limit 1
) as override on true
cross join lateral (
  select
    case
      when override.applies then override.limit_value
      when planned.metric is not null then planned.limit_value
      else 0
    end as limit_value,
    override.applies is true or planned.metric is not null as included
) as bound
left join usage.counters
  on counters.workspace_id = workspaces.id
  and counters.metric = metrics.key
  and counters.period_start = case metrics.kind when 'gauge' then '-infinity' else period.period_start end
cross join lateral (
  select coalesce(sum(reservations.amount), 0)::bigint as reserved
  from usage.reservations
  where reservations.workspace_id = workspaces.id
    and reservations.metric = metrics.key
    and reservations.status = 'held'
    and reservations.expires_at > now()
) as held
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
    extract(epoch from counters.updated_at - case metrics.kind when 'gauge' then workspaces.created_at else period.period_start end)
      as elapsed,
    (
      (bound.limit_value - counters.used)
      * extract(epoch from counters.updated_at - case metrics.kind when 'gauge' then workspaces.created_at else period.period_start end)
      / nullif(counters.used, 0)
    )::double precision as seconds_to_limit
) as rate;
