create or replace function analytics.forget_workspaces()
returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_table text;
begin
  foreach v_table in array array['events', 'event_keys', 'feature_usage', 'performance', 'search_logs'] loop
    if tg_op = 'TRUNCATE' then
      execute format('truncate analytics.%I', v_table);
    else
      execute format('delete from analytics.%I as held using gone where held.workspace_id = gone.id', v_table);
    end if;
  end loop;
  return null;
end
$$;

comment on function analytics.forget_workspaces() is 'Removes the events of deleted workspaces, for want of a foreign key. Touched hours are left: who counts them finds no workspace.';

revoke execute on function analytics.forget_workspaces() from public;

create or replace trigger analytics_forget_workspaces_delete
  after delete on public.workspaces
  referencing old table as gone
  for each statement execute function analytics.forget_workspaces();

create or replace trigger analytics_forget_workspaces_truncate
  after truncate on public.workspaces
  for each statement execute function analytics.forget_workspaces();
