create or replace view usage.subscription_usage as
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
  select present.period_start
  from (
    select period.period_start
    from usage.period(workspaces.id) as period
    limit 1
  ) as present
) as started
cross join lateral (
  select period.period_end
  from usage.period(workspaces.id, started.period_start) as period
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
    sum(counters.used) filter (
      where counters.metric = 'messages'
        and counters.period_start = started.period_start
    )::bigint as messages_sent,
    sum(counters.used) filter (where counters.metric = 'messages')::bigint as total_messages,
    sum(counters.used) filter (
      where counters.metric = 'api_calls'
        and counters.period_start = started.period_start
    )::bigint as api_calls,
    sum(counters.used) filter (
      where counters.metric = 'call_seconds'
        and counters.period_start = started.period_start
    )::bigint as call_seconds,
    sum(counters.used) filter (
      where counters.metric = 'stream_seconds'
        and counters.period_start = started.period_start
    )::bigint as stream_seconds,
    sum(counters.used) filter (
      where counters.metric = 'files_uploaded'
        and counters.period_start = started.period_start
    )::bigint as files_uploaded,
    sum(counters.used) filter (
      where counters.metric = 'uploaded_bytes'
        and counters.period_start = started.period_start
    )::bigint as total_file_size_bytes,
    max(counters.updated_at) filter (where counters.period_start = started.period_start) as updated_at
  from usage.counter_totals as counters
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
      -- Of a level that changed after the period, only the peak in the period is stored.
      case
        when counters.updated_at < ended.period_end then counters.used
        else coalesce(peaks.peak, 0)
      end as present,
      coalesce(
        peaks.peak,
        case
          when counters.updated_at < ended.period_end then counters.used
          else 0
        end
      ) as highest,
      case
        when counters.updated_at < ended.period_end then counters.updated_at
      end as updated_at
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

comment on view usage.subscription_usage is 'Use of the sample application''s metrics side by side, one row for each workspace and period with use, the present period always.';

comment on column usage.subscription_usage.period is 'The month, in the time zone of the workspace, in which the period started, as YYYY-MM.';
comment on column usage.subscription_usage.current_members is 'The level now in the present period, the last level known in a period that has ended.';
comment on column usage.subscription_usage.total_messages is 'Messages of this period and of all periods before it.';
comment on column usage.subscription_usage.call_minutes is 'Rounded up to whole minutes.';
