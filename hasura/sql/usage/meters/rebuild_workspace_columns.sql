create or replace function usage.rebuild_workspace_columns()
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _table regclass;
begin
  for _table in
    select class.oid::regclass
    from pg_constraint as foreign_key
    join pg_class as class
      on class.oid = foreign_key.conrelid
    join pg_namespace as namespace
      on namespace.oid = class.relnamespace
    where foreign_key.contype = 'f'
      and foreign_key.conname = 'usage_workspace_fkey'
    order by namespace.nspname, class.relname
  loop
    perform usage.create_workspace_triggers(_table);
  end loop;
end
$$;

comment on function usage.rebuild_workspace_columns() is 'Brings the triggers of every column of usage.add_workspace_column in line with usage.meter_template and with the present names of tables and columns, in the order of the tables'' names.';

revoke execute on function usage.rebuild_workspace_columns() from public;
