create or replace function analytics.roll_application_activity(p_workspace_ids uuid[], p_hours timestamptz[])
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  delete from analytics.channel_activity as counted
  using unnest(p_workspace_ids, p_hours) as due (workspace_id, hour)
  where counted.workspace_id = due.workspace_id
    and counted.hour = due.hour;
  insert into analytics.channel_activity (workspace_id, channel_id, hour, events, active_users, messages_count)
  select
    due.workspace_id,
    activity.channel_id,
    due.hour,
    count(*) filter (where activity.kind = 'event'),
    count(distinct activity.user_id),
    count(*) filter (where activity.kind = 'message')
  from unnest(p_workspace_ids, p_hours) as due (workspace_id, hour)
  join public.workspaces as workspace
    on workspace.id = due.workspace_id
  -- The offset keeps the subquery apart: each hour reads one range of one month's index.
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
end
$$;

comment on function analytics.roll_application_activity(uuid[], timestamptz[]) is 'Hook: recounts the given hours of the given workspaces in analytics.channel_activity. The arrays have the same length; position n of both names one hour of one workspace. analytics.roll_activity calls it, one caller at a time.';

revoke execute on function analytics.roll_application_activity(uuid[], timestamptz[]) from public;
