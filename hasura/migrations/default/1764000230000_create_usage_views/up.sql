create function usage.status_of(percent numeric) returns text
language sql
immutable
as $$
  select case
    when percent >= 100 then 'critical'
    when percent >= 90 then 'warning'
    when percent >= 75 then 'info'
    else 'ok'
  end
$$;

comment on function usage.status_of(numeric) is 'What a share of the limit means: ok, info from 75 percent, warning from 90, critical from 100; ok without a limit.';

create view usage.current as
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
cross join lateral (
  select applying.limit_value, applying.included
  from billing.limit_of(workspaces.id, metrics.key) as applying
  limit 1
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

comment on view usage.current is 'Use of every metric by every workspace in the present period, also where nothing was used yet.';
comment on column usage.current.limit_value is 'Null is unlimited; 0 with included false is not in the plan.';
comment on column usage.current.percent is 'Of the limit, above 100 where more than the limit is used; null without a limit.';
comment on column usage.current.status is 'ok, info from 75 percent, warning from 90, critical from 100.';
comment on column usage.current.resets_at is 'When the counter starts again at zero; null for a gauge.';
comment on column usage.current.forecast_at is 'When the limit is reached at the rate of use so far; null if not before the reset. For a gauge the growth since the workspace began.';

create view usage.history as
select
  past.workspace_id,
  past.metric,
  metrics.kind,
  metrics.unit,
  past.period_start,
  ended.period_end,
  past.used,
  past.peak,
  bound.limit_value
from (
  select
    counters.workspace_id,
    counters.metric,
    counters.period_start,
    counters.used,
    counters.used as peak
  from usage.counters
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

comment on view usage.history is 'Use in the periods that have ended.';
comment on column usage.history.used is 'What a counter reached; null for a gauge, which only has a peak.';
comment on column usage.history.peak is 'The highest level in the period; for a counter what it reached.';
comment on column usage.history.limit_value is 'The limit at the end of the period.';

create view usage.subscription_usage as
select
  md5(workspaces.id::text || ' ' || extract(epoch from started.period_start)::text)::uuid as id,
  subscription.id as subscription_id,
  workspaces.id as workspace_id,
  to_char(started.period_start at time zone workspaces.time_zone, 'YYYY-MM') as period,
  gauges.current_members,
  gauges.max_members_reached,
  gauges.current_channels,
  gauges.max_channels_reached,
  gauges.current_storage_bytes,
  gauges.max_storage_bytes_reached,
  coalesce(sums.messages_sent, 0) as messages_sent,
  coalesce(sums.total_messages, 0) as total_messages,
  coalesce(sums.api_calls, 0) as api_calls,
  coalesce((sums.call_seconds + 59) / 60, 0) as call_minutes,
  coalesce((sums.stream_seconds + 59) / 60, 0) as stream_minutes,
  coalesce(sums.files_uploaded, 0) as files_uploaded,
  coalesce(sums.total_file_size_bytes, 0) as total_file_size_bytes,
  '{}'::jsonb as metadata,
  started.period_start as created_at,
  coalesce(greatest(sums.updated_at, gauges.updated_at), started.period_start) as updated_at,
  started.period_start,
  ended.period_end
from public.workspaces
cross join lateral (
  select counters.period_start
  from usage.counters
  where counters.workspace_id = workspaces.id
    and counters.period_start > '-infinity'
  union
  select peaks.period_start
  from usage.peaks
  where peaks.workspace_id = workspaces.id
  union
  select now_running.period_start
  from (
    select present.period_start
    from usage.period(workspaces.id) as present
    limit 1
  ) as now_running
) as started
cross join lateral (
  select holding.period_end
  from usage.period(workspaces.id, started.period_start) as holding
  limit 1
) as ended
left join lateral (
  select subscriptions.id
  from billing.subscriptions
  where subscriptions.workspace_id = workspaces.id
    and subscriptions.starts_at < ended.period_end
    and (subscriptions.ends_at is null or subscriptions.ends_at > started.period_start)
  order by subscriptions.starts_at desc, subscriptions.created_at desc
  limit 1
) as subscription
  on true
cross join lateral (
  select
    sum(counters.used) filter (where counters.metric = 'messages' and counters.period_start = started.period_start)::bigint as messages_sent,
    sum(counters.used) filter (where counters.metric = 'messages')::bigint as total_messages,
    sum(counters.used) filter (where counters.metric = 'api_calls' and counters.period_start = started.period_start)::bigint as api_calls,
    sum(counters.used) filter (where counters.metric = 'call_seconds' and counters.period_start = started.period_start)::bigint as call_seconds,
    sum(counters.used) filter (where counters.metric = 'stream_seconds' and counters.period_start = started.period_start)::bigint as stream_seconds,
    sum(counters.used) filter (where counters.metric = 'files_uploaded' and counters.period_start = started.period_start)::bigint as files_uploaded,
    sum(counters.used) filter (where counters.metric = 'uploaded_bytes' and counters.period_start = started.period_start)::bigint as total_file_size_bytes,
    max(counters.updated_at) filter (where counters.period_start = started.period_start) as updated_at
  from usage.counters
  where counters.workspace_id = workspaces.id
    and counters.period_start > '-infinity'
    and counters.period_start <= started.period_start
) as sums
cross join lateral (
  select
    coalesce(max(level.present) filter (where level.metric = 'members'), 0) as current_members,
    coalesce(max(level.highest) filter (where level.metric = 'members'), 0) as max_members_reached,
    coalesce(max(level.present) filter (where level.metric = 'channels'), 0) as current_channels,
    coalesce(max(level.highest) filter (where level.metric = 'channels'), 0) as max_channels_reached,
    coalesce(max(level.present) filter (where level.metric = 'storage_bytes'), 0) as current_storage_bytes,
    coalesce(max(level.highest) filter (where level.metric = 'storage_bytes'), 0) as max_storage_bytes_reached,
    max(level.updated_at) as updated_at
  from (
    select
      counters.metric,
      -- A level that moved after the period is known by its peak alone.
      case when counters.updated_at < ended.period_end then counters.used else coalesce(peaks.peak, 0) end as present,
      coalesce(peaks.peak, case when counters.updated_at < ended.period_end then counters.used else 0 end) as highest,
      case when counters.updated_at < ended.period_end then counters.updated_at end as updated_at
    from usage.counters
    left join usage.peaks
      on peaks.workspace_id = counters.workspace_id
      and peaks.metric = counters.metric
      and peaks.period_start = started.period_start
    where counters.workspace_id = workspaces.id
      and counters.period_start = '-infinity'
      and counters.metric in ('members', 'channels', 'storage_bytes')
  ) as level
) as gauges;

comment on view usage.subscription_usage is 'One row per workspace and period, for reports that want the figures side by side.';
comment on column usage.subscription_usage.period is 'The month, in the workspace''s time zone, in which the period began.';
comment on column usage.subscription_usage.current_members is 'In the present period the level now, in one that has ended the last level known of it.';
comment on column usage.subscription_usage.total_messages is 'Messages of this period and all before it.';
comment on column usage.subscription_usage.call_minutes is 'A minute begun counts as one.';
