create or replace function analytics.roll_application_activity(p_workspace_ids uuid[], p_hours timestamptz[])
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  -- The application has no hourly tables of its own.
  return;
end
$$;

comment on function analytics.roll_application_activity(uuid[], timestamptz[]) is 'Hook: recounts the given hours of the given workspaces in hourly tables of the application. The arrays have the same length; position n of both names one hour of one workspace. analytics.roll_activity calls it, one caller at a time.';

revoke execute on function analytics.roll_application_activity(uuid[], timestamptz[]) from public;
