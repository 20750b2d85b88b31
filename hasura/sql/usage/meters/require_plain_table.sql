create or replace function usage.require_plain_table(p_table regclass, p_use text)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  _class record;
begin
  select class.relkind, class.relpersistence, class.relispartition, namespace.nspname
  into _class
  from pg_class as class
  join pg_namespace as namespace
    on namespace.oid = class.relnamespace
  where class.oid = p_table;
  if not found then
    raise exception using errcode = '22023', message = format('a table that does not exist cannot %s', p_use);
  end if;
  if _class.relkind <> 'r'
    or _class.relpersistence <> 'p'
    or _class.relispartition
    or exists (
      select
      from pg_inherits as inheritance
      where p_table in (inheritance.inhrelid, inheritance.inhparent)
    )
  then
    raise exception using
      errcode = '22023',
      message = format('%s cannot %s: it is not a plain permanent table (views, foreign, unlogged, temporary, partitioned and inherited tables can be written past a statement trigger)', p_table, p_use);
  end if;
  if _class.nspname in ('usage', 'pg_catalog', 'information_schema') then
    raise exception using errcode = '22023', message = format('%s cannot %s: it belongs to the system', p_table, p_use);
  end if;
end
$$;

comment on function usage.require_plain_table(regclass, text) is 'Raises SQLSTATE 22023 unless the table is one whose every write passes its triggers. The use completes the sentence: be metered.';

revoke execute on function usage.require_plain_table(regclass, text) from public;
