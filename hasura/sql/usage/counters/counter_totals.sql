create or replace view usage.counter_totals as
select
  counters.workspace_id,
  counters.metric,
  counters.period_start,
  -- Most counters are cold, and read nothing more.
  counters.used + case when counters.granted > 0 then spread.used else 0 end as used,
  case when counters.granted > 0 then greatest(counters.updated_at, spread.updated_at) else counters.updated_at end as updated_at,
  case when counters.granted > 0 then counters.granted - spread.used else 0 end as headroom,
  counters.alert_at,
  counters.alert_due
from usage.counters
left join lateral (
  select
    coalesce(sum(counter_shards.used), 0)::bigint as used,
    max(counter_shards.updated_at) filter (where counter_shards.used > 0) as updated_at
  from usage.counter_shards
  where counters.granted > 0
    and counter_shards.workspace_id = counters.workspace_id
    and counter_shards.metric = counters.metric
    and counter_shards.period_start = counters.period_start
) as spread on true;

comment on view usage.counter_totals is 'The use of every counter, shards included; the one place that adds them up.';

comment on column usage.counter_totals.headroom is 'What shards may still use without asking.';
