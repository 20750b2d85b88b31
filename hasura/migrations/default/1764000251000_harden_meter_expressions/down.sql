drop trigger meters_require_read_committed on usage.meters;
drop function usage.require_read_committed();

create or replace function usage.meter_expression_type(p_table regclass, p_what text, p_expression text)
returns text
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  _relation text;
  _probe text;
  _type text;
begin
  if p_expression is null or position(';' in p_expression) > 0 then
    raise exception using
      errcode = '22023',
      message = format('%s expression of %s must be one expression without a semicolon', p_what, p_table);
  end if;
  select c.relname
  into _relation
  from pg_class c
  where c.oid = p_table;
  _probe := format('pg_temp.%I', _relation);
  begin
    execute format('create temporary table %s (like %s)', _probe, p_table);
    -- Only an immutable expression of the row itself is the same when the row is deleted or recounted as when
    -- it was inserted; an index on an empty copy asks Postgres for just that.
    execute format(E'create index usage_meter_probe on %s ((%s\n))', _probe, p_expression);
    select format_type(a.atttypid, null)
    into _type
    from pg_index i
    join pg_attribute a on a.attrelid = i.indexrelid and a.attnum = 1
    where i.indrelid = _probe::regclass;
    execute format('drop table %s', _probe);
  exception when others then
    raise exception using
      errcode = '22023',
      message = format('%s expression "%s" cannot be used on %s: %s', p_what, p_expression, p_table, sqlerrm);
  end;
  return _type;
end
$$;
