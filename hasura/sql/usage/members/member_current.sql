create or replace view usage.member_current as
select
  counter.workspace_id,
  counter.member_id,
  counter.metric,
  metric.kind,
  metric.unit,
  counter.used,
  reservations.reserved,
  bound.limit_value,
  case
    when bound.limit_value is not null then greatest(bound.limit_value - counter.used - reservations.reserved, 0)
  end as remaining,
  round(share.percent, 2) as percent,
  usage.status_of(share.percent) as status,
  present.period_start,
  case metric.kind when 'counter' then present.period_end end as resets_at,
  bound.source,
  counter.updated_at
from usage.member_counters as counter
join usage.metrics as metric
  on metric.key = counter.metric
cross join lateral (
  select period.period_start, period.period_end
  from usage.period(counter.workspace_id) as period
  limit 1
) as present
left join lateral billing.member_limit_of(counter.workspace_id, counter.metric) as bound on true
cross join lateral (
  select coalesce(sum(reservation.amount), 0)::bigint as reserved
  from usage.reservations as reservation
  where reservation.workspace_id = counter.workspace_id
    and reservation.metric = counter.metric
    and reservation.member_id = counter.member_id
    and reservation.status = 'held'
    and reservation.expires_at > now()
) as reservations
cross join lateral (
  select
    case
      when bound.limit_value > 0 then counter.used * 100::numeric / bound.limit_value
      when bound.limit_value = 0 and counter.used > 0 then 100::numeric
      when bound.limit_value = 0 then 0::numeric
    end as percent
) as share
where counter.period_start = case metric.kind when 'gauge' then '-infinity' else present.period_start end;

comment on view usage.member_current is 'Use by each member of a workspace in the present period, in the metric''s unit: one row for each member and metric counted, which begins when a limit of members first applies';

comment on column usage.member_current.limit_value is 'What each member may use; null where no limit of members applies';
comment on column usage.member_current.source is 'override for the workspace''s own limit of members, plan for its plan''s; null where none applies';
