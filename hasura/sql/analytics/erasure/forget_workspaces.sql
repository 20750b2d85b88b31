create or replace function analytics.forget_workspaces()
returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  _table_name text;
begin
  for _table_name in
    select retained.table_name
    from analytics.retained_tables as retained
    where not retained.references_workspaces
    order by retained.table_name
  loop
    if tg_op = 'TRUNCATE' then
      execute format('truncate analytics.%I', _table_name);
    else
      execute format('delete from analytics.%I as kept using gone where kept.workspace_id = gone.id', _table_name);
    end if;
  end loop;
  return null;
end
$$;

comment on function analytics.forget_workspaces() is 'Trigger function: deletes the rows of deleted workspaces from the tables of analytics.retention that have no foreign key to public.workspaces. Leaves analytics.touched_hours alone: the rollup drops hours of workspaces that do not exist.';

revoke execute on function analytics.forget_workspaces() from public;

create or replace trigger analytics_forget_workspaces_delete
  after delete on public.workspaces
  referencing old table as gone
  for each statement execute function analytics.forget_workspaces();

create or replace trigger analytics_forget_workspaces_truncate
  after truncate on public.workspaces
  for each statement execute function analytics.forget_workspaces();
