create or replace function analytics.roll_activity(p_until timestamptz, p_limit integer)
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  -- a clock that runs ahead at the sender must not mark time as done that is still to come
  v_until constant timestamptz := least(p_until, now());
  v_from timestamptz;
  v_taken integer;
  v_workspace_ids uuid[];
  v_hours timestamptz[];
begin
  -- Of two that count one hour, the one that looked first could write last.
  perform pg_advisory_xact_lock(hashtextextended('analytics.roll_activity', 0));

  -- A transaction shows its rows when it ends, under the time of its start: an hour is looked at once more.
  -- Calls that follow with the same moment only go on with the marks.
  select rolled_until - interval '1 hour'
  into v_from
  from analytics.rollup_state
  where name = 'activity'
    and rolled_until < v_until;
  insert into analytics.touched_hours (workspace_id, hour)
  select distinct activity.workspace_id, date_trunc('hour', activity.occurred_at, 'UTC')
  from analytics.activity
  where activity.kind <> 'event'
    and activity.occurred_at >= v_from
    and activity.occurred_at < v_until;
  update analytics.rollup_state
  set rolled_until = v_until
  where name = 'activity'
    and rolled_until < v_until;

  -- What is counted below is seen later than what is taken here, and whoever stores more leaves a row of his own.
  with taken as (
    delete from analytics.touched_hours
    where ctid = any (array(
      select touched.ctid
      from analytics.touched_hours as touched
      limit p_limit
    ))
    returning touched_hours.workspace_id, touched_hours.hour
  ),
  hours as (
    select distinct taken.workspace_id, taken.hour
    from taken
  )
  select (
      select count(*)
      from taken
    ),
    array_agg(hours.workspace_id),
    array_agg(hours.hour)
  into v_taken, v_workspace_ids, v_hours
  from hours;
  if v_taken = 0 then
    return 0;
  end if;

  -- Hours of deleted workspaces fall out, and none is deleted meanwhile.
  perform 1
  from public.workspaces
  where id = any (v_workspace_ids)
  order by id
  for key share;

  delete from analytics.user_activity
  using unnest(v_workspace_ids, v_hours) as due (workspace_id, hour)
  where user_activity.workspace_id = due.workspace_id
    and user_activity.hour = due.hour;
  insert into analytics.user_activity (
    workspace_id, user_id, hour, events, sessions, page_views, user_actions, features_used, searches, errors,
    messages_sent, files_uploaded
  )
  select
    due.workspace_id,
    activity.user_id,
    due.hour,
    count(*) filter (where activity.kind = 'event'),
    count(distinct activity.session_id),
    count(*) filter (where activity.category = 'page_view'),
    count(*) filter (where activity.category = 'user_action'),
    count(*) filter (where activity.category = 'feature_usage'),
    count(*) filter (where activity.category = 'search'),
    count(*) filter (where activity.category = 'error'),
    count(*) filter (where activity.kind = 'message'),
    count(*) filter (where activity.kind = 'file')
  from unnest(v_workspace_ids, v_hours) as due (workspace_id, hour)
  join public.workspaces
    on workspaces.id = due.workspace_id
  -- Fenced by the offset: each hour is one range of the index of one month, where a join read all months of the workspace.
  cross join lateral (
    select *
    from analytics.activity as given
    where given.workspace_id = due.workspace_id
      and given.occurred_at >= due.hour
      and given.occurred_at < due.hour + interval '1 hour'
      and given.user_id is not null
    offset 0
  ) as activity
  group by due.workspace_id, activity.user_id, due.hour;

  delete from analytics.channel_activity
  using unnest(v_workspace_ids, v_hours) as due (workspace_id, hour)
  where channel_activity.workspace_id = due.workspace_id
    and channel_activity.hour = due.hour;
  insert into analytics.channel_activity (workspace_id, channel_id, hour, events, active_users, messages_count)
  select
    due.workspace_id,
    activity.channel_id,
    due.hour,
    count(*) filter (where activity.kind = 'event'),
    count(distinct activity.user_id),
    count(*) filter (where activity.kind = 'message')
  from unnest(v_workspace_ids, v_hours) as due (workspace_id, hour)
  join public.workspaces
    on workspaces.id = due.workspace_id
  cross join lateral (
    select *
    from analytics.activity as given
    where given.workspace_id = due.workspace_id
      and given.occurred_at >= due.hour
      and given.occurred_at < due.hour + interval '1 hour'
      and given.channel_id is not null
    offset 0
  ) as activity
  group by due.workspace_id, activity.channel_id, due.hour;
  return v_taken;
end
$$;

comment on function analytics.roll_activity(timestamptz, integer) is 'Counts hours again that were touched, whole: from at most so many marks, until a moment. Returns how many marks it took; fewer than the limit are the end. Repeats, late calls and any order give the same tables.';

revoke execute on function analytics.roll_activity(timestamptz, integer) from public;
