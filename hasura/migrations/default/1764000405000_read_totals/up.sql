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
left join usage.counter_totals as counters
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
  bound.limit_value
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

-- Long functions, of which this is a line here and there: changed in place; text that is not there any more ends the
-- migration instead of leaving a line out.
do $do$
declare
  change record;
  definition text;
begin
  for change in
    select *
    from (
      values
        (
          1,
          'usage.reconcile(uuid, boolean)',
          $from$      from usage.counters c
      join usage.metrics k on k.key = c.metric$from$,
          $to$      from usage.counter_totals c
      join usage.metrics k on k.key = c.metric$to$
        ),
        (
          2,
          'usage.reconcile(uuid, boolean)',
          $from$    if p_repair then
      insert into usage.counters$from$,
          $to$    if p_repair then
      perform usage.recall_room(_drift.workspace_id, _drift.metric, _drift.period_start);
      insert into usage.counters$to$
        )
    ) as changes (n, function_name, old_text, new_text)
    order by n
  loop
    definition := pg_get_functiondef(change.function_name::regprocedure);
    if position(change.old_text in definition) = 0 then
      raise exception '% does not hold %', change.function_name, change.old_text;
    end if;
    execute replace(definition, change.old_text, change.new_text);
  end loop;
end
$do$;
