create or replace function usage.rebuild_meters(p_table regclass default null)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _table regclass;
  _body record;
  _obsolete record;
begin
  for _table in
    select p_table
    where p_table is not null
    union all
    (
      select class.oid::regclass
      from pg_class as class
      join pg_namespace as namespace
        on namespace.oid = class.relnamespace
      where p_table is null
        and exists (
          select
          from usage.meters as meter
          where meter.relation = class.oid
        )
      order by namespace.nspname, class.relname
    )
  loop
    -- A writer sees all triggers of the table as they were or all as they are.
    execute format('lock table %s in share row exclusive mode', _table);
    for _body in
      select wanted.event, wanted.suffix, wanted.body
      from usage.meter_bodies(_table) as wanted
    loop
      perform usage.create_meter_trigger(_table, _body.event, _body.suffix, _body.body);
    end loop;

    for _obsolete in
      select present.tgname as name, present.tgfoid::regprocedure as function
      from pg_trigger as present
      where present.tgrelid = _table
        and present.tgname ~ '^usage_meter_(insert|update|delete|truncate)(_members)?$'
        and not exists (
          select
          from usage.meter_bodies(_table) as wanted
          where present.tgname = 'usage_meter_' || wanted.event || wanted.suffix
        )
    loop
      execute format('drop trigger %I on %s', _obsolete.name, _table);
      execute format('drop function %s', _obsolete.function);
    end loop;
  end loop;

  if p_table is null then
    perform usage.rebuild_workspace_columns();
  end if;
end
$$;

comment on function usage.rebuild_meters(regclass) is 'Brings the triggers of a table in line with usage.meters and usage.meter_template. Without a table it does so for every metered table that still exists, in the order of their names, and for the columns of usage.add_workspace_column.';

revoke execute on function usage.rebuild_meters(regclass) from public;
