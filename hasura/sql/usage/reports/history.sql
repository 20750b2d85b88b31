create or replace view usage.history as
select
  past.workspace_id,
  past.metric,
  metrics.kind,
  metrics.unit,
  past.period_start,
  ended.period_end,
  past.used,
  past.peak,
  bound.limit_value,
  greatest(coalesce(past.used, past.peak) - bound.limit_value, 0) as overage
from (
  select
    counters.workspace_id,
    counters.metric,
    counters.period_start,
    counters.used,
    counters.used as peak
  from usage.counter_totals as counters
  where counters.period_start > '-infinity'
  union all
  select
    peaks.workspace_id,
    peaks.metric,
    peaks.period_start,
    null::bigint,
    peaks.peak
  from usage.peaks
) as past
join usage.metrics
  on metrics.key = past.metric
cross join lateral (
  select period.period_end
  from usage.period(past.workspace_id, past.period_start) as period
  limit 1
) as ended
cross join lateral (
  select applying.limit_value
  from billing.limit_of(past.workspace_id, past.metric, ended.period_end - interval '1 microsecond') as applying
  limit 1
) as bound
where ended.period_end <= now();

comment on view usage.history is 'Use of each metric by each workspace in the periods that have ended, one row for each period with use. Amounts are in the unit of the metric.';

comment on column usage.history.used is 'Use of a counter at the end of the period; null for a gauge, which has a peak only.';
comment on column usage.history.peak is 'Highest level in the period; for a counter the use at its end.';
comment on column usage.history.limit_value is 'Limit at the end of the period; null is unlimited.';
comment on column usage.history.overage is 'Use, or peak of a gauge, above the limit at the end of the period.';
