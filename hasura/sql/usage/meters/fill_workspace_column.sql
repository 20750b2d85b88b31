create or replace function usage.fill_workspace_column(p_table regclass, p_values jsonb)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _column constant text := p_values ->> 'column_name';
  _ordinary text[];
  _always text[];
  _trigger text;
  _orphans bigint;
begin
  select
    coalesce(array_agg(present.tgname::text) filter (where present.tgenabled = 'O'), array[]::text[]),
    coalesce(array_agg(present.tgname::text) filter (where present.tgenabled = 'A'), array[]::text[])
  into _ordinary, _always
  from pg_trigger as present
  where present.tgrelid = p_table
    and not present.tgisinternal;

  -- Nothing of the application changes: no event, no audit entry and no new time of change.
  foreach _trigger in array _ordinary || _always loop
    execute format('alter table %s disable trigger %I', p_table, _trigger);
  end loop;
  execute usage.fill_meter_template('workspace_fill', p_values);
  foreach _trigger in array _ordinary loop
    execute format('alter table %s enable trigger %I', p_table, _trigger);
  end loop;
  foreach _trigger in array _always loop
    execute format('alter table %s enable always trigger %I', p_table, _trigger);
  end loop;

  execute format('select count(*) from %s where %I is null', p_table, _column)
  into _orphans;
  if _orphans > 0 then
    raise exception using
      errcode = '22023',
      message = format('%s has %s rows whose parent is missing or has no workspace: correct or delete them first', p_table, _orphans);
  end if;
  execute format('alter table %s alter column %I set not null', p_table, _column);
end
$$;

comment on function usage.fill_workspace_column(regclass, jsonb) is 'Fills a new workspace column from the parent rows without firing triggers, and makes it not null. SQLSTATE 22023 when a row gets no workspace.';

revoke execute on function usage.fill_workspace_column(regclass, jsonb) from public;
