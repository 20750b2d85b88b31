create or replace function usage.refresh_time_zone()
returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform usage.refresh_workspace_limits(new.id, null);
  return null;
end
$$;

comment on function usage.refresh_time_zone() is 'Takes back the headroom of a workspace whose periods move with its time zone, and writes its alerts.';

revoke execute on function usage.refresh_time_zone() from public;

create or replace trigger workspaces_refresh_alerts
  after update of time_zone on public.workspaces
  for each row
  when (old.time_zone is distinct from new.time_zone)
  execute function usage.refresh_time_zone();
