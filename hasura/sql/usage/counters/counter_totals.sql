create or replace view usage.counter_totals as
select
  counter.workspace_id,
  counter.metric,
  counter.period_start,
  -- The tests of granted keep an unsharded counter from reading a second table.
  counter.used + case when counter.granted > 0 then on_shards.used else 0 end as used,
  case when counter.granted > 0 then greatest(counter.updated_at, on_shards.updated_at) else counter.updated_at end as updated_at,
  case when counter.granted > 0 then counter.granted - on_shards.used else 0 end as headroom,
  counter.alert_at,
  counter.alert_due
from usage.counters as counter
left join lateral (
  select
    coalesce(sum(shard.used), 0)::bigint as used,
    max(shard.updated_at) filter (where shard.used > 0) as updated_at
  from usage.counter_shards as shard
  where counter.granted > 0
    and shard.workspace_id = counter.workspace_id
    and shard.metric = counter.metric
    and shard.period_start = counter.period_start
) as on_shards on true;

comment on view usage.counter_totals is 'The use of every counter and gauge, in the metric''s unit, its shards included; every reader of a total reads it here';

comment on column usage.counter_totals.headroom is 'Units granted to shards and not used yet; 0 for an unsharded counter';
