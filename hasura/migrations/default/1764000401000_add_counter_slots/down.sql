drop view usage.counter_totals;

update usage.counters
set used = counters.used + spread.used
from (
  select workspace_id, metric, period_start, sum(counter_slots.used)::bigint as used
  from usage.counter_slots
  group by workspace_id, metric, period_start
) as spread
where counters.workspace_id = spread.workspace_id
  and counters.metric = spread.metric
  and counters.period_start = spread.period_start;

drop table usage.counter_slots;
drop index usage.counters_hot_idx;

alter table usage.counters
  drop column room,
  drop column room_from,
  drop column room_until,
  drop column granted,
  drop column slots,
  drop column waits,
  drop column waits_since,
  drop column measured_used,
  drop column measured_at,
  drop column fall_at;

comment on table usage.counters is 'What each workspace has used; written by usage.add alone, whose row lock serialises the use of one metric';
comment on column usage.counters.used is null;
comment on column usage.counters.alert_due is 'From here on the next addition computes alert_at again, for limits that change by the clock.';
comment on function billing.limit_of(uuid, text, timestamptz) is 'The limit of a workspace for a metric at a moment, one row always: override before plan; null is unlimited; not included is 0 cap_value is the ceiling that no use may pass, null where none; valid_until when the clock may change the answer.';
