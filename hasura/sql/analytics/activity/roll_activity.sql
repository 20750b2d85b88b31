create or replace function analytics.roll_activity(p_until timestamptz, p_limit integer)
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  -- A caller whose clock runs ahead must not mark time to come as read.
  _until constant timestamptz := least(p_until, now());
  _from timestamptz;
  _taken integer;
  _workspace_ids uuid[];
  _hours timestamptz[];
begin
  -- One rollup at a time: of two that recount the same hour, the one that read first could write last.
  perform pg_advisory_xact_lock(hashtextextended('analytics.roll_activity', 0));

  -- A row becomes visible when its transaction ends, under the time at which it began: the last hour is read again.
  -- Further calls for the same moment find no row here and only work off the marks.
  select state.rolled_until - interval '1 hour'
  into _from
  from analytics.rollup_state as state
  where state.name = 'activity'
    and state.rolled_until < _until;
  insert into analytics.touched_hours (workspace_id, hour)
  select distinct activity.workspace_id, date_trunc('hour', activity.occurred_at, 'UTC')
  from analytics.activity
  where activity.kind <> 'event'
    and activity.occurred_at >= _from
    and activity.occurred_at < _until;
  update analytics.rollup_state as state
  set rolled_until = _until
  where state.name = 'activity'
    and state.rolled_until < _until;

  -- The counts below take a later snapshot than this statement, and events stored after it leave marks of their own.
  with taken as (
    delete from analytics.touched_hours as mark
    where mark.ctid = any (array(
      select touched.ctid
      from analytics.touched_hours as touched
      limit p_limit
    ))
    returning mark.workspace_id, mark.hour
  ),
  hours as (
    select distinct taken.workspace_id, taken.hour
    from taken
  )
  select (
      select count(*)::integer
      from taken
    ),
    array_agg(hours.workspace_id),
    array_agg(hours.hour)
  into _taken, _workspace_ids, _hours
  from hours;
  if _taken = 0 then
    return 0;
  end if;

  -- The locks keep these workspaces from being deleted meanwhile; hours of deleted ones drop out below.
  perform 1
  from public.workspaces as workspace
  where workspace.id = any (_workspace_ids)
  order by workspace.id
  for key share;

  delete from analytics.user_activity as counted
  using unnest(_workspace_ids, _hours) as due (workspace_id, hour)
  where counted.workspace_id = due.workspace_id
    and counted.hour = due.hour;
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
  from unnest(_workspace_ids, _hours) as due (workspace_id, hour)
  join public.workspaces as workspace
    on workspace.id = due.workspace_id
  -- The offset keeps the subquery apart: each hour reads one range of one month's index, where a join would read
  -- every month of the workspace.
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

  perform analytics.roll_application_activity(_workspace_ids, _hours);
  return _taken;
end
$$;

comment on function analytics.roll_activity(timestamptz, integer) is 'Takes at most p_limit marks from analytics.touched_hours, recounts their hours in analytics.user_activity and passes them to analytics.roll_application_activity. First marks the hours of other rows of analytics.activity since the last call, up to p_until. Returns the number of marks taken: fewer than p_limit means that none is left. The job analytics_roll_activity calls it; repeated, late and unordered calls give the same tables.';

revoke execute on function analytics.roll_activity(timestamptz, integer) from public;
