create or replace view usage.member_current as
select
  counters.workspace_id,
  counters.member_id,
  counters.metric,
  metrics.kind,
  metrics.unit,
  counters.used,
  held.reserved,
  bound.limit_value,
  case
    when bound.limit_value is not null then greatest(bound.limit_value - counters.used - held.reserved, 0)
  end as remaining,
  round(share.percent, 2) as percent,
  usage.status_of(share.percent) as status,
  period.period_start,
  case metrics.kind when 'counter' then period.period_end end as resets_at,
  bound.source,
  counters.updated_at
from usage.member_counters as counters
join usage.metrics
  on metrics.key = counters.metric
cross join lateral (
  select present.period_start, present.period_end
  from usage.period(counters.workspace_id) as present
  limit 1
) as period
left join lateral billing.member_limit_of(counters.workspace_id, counters.metric) as bound on true
cross join lateral (
  select coalesce(sum(reservations.amount), 0)::bigint as reserved
  from usage.reservations
  where reservations.workspace_id = counters.workspace_id
    and reservations.metric = counters.metric
    and reservations.member_id = counters.member_id
    and reservations.status = 'held'
    and reservations.expires_at > now()
) as held
cross join lateral (
  select
    case
      when bound.limit_value > 0 then counters.used * 100::numeric / bound.limit_value
      when bound.limit_value = 0 and counters.used > 0 then 100::numeric
      when bound.limit_value = 0 then 0::numeric
    end as percent
) as share
where counters.period_start = case metrics.kind when 'gauge' then '-infinity' else period.period_start end;

comment on view usage.member_current is 'Use by the members of a workspace in the present period, of the metrics whose members are or were limited.';

comment on column usage.member_current.limit_value is 'What each member may use; null where only the workspace is limited.';
comment on column usage.member_current.source is 'override where the workspace has its own limit of members, plan where its plan has.';
