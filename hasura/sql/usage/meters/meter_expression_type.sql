create or replace function usage.meter_expression_type(p_table regclass, p_what text, p_expression text)
returns text
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _relation text;
  _probe text;
  _type text;
  _is_one_expression boolean;
begin
  if p_expression is null or position(';' in p_expression) > 0 then
    raise exception using
      errcode = '22023',
      message = format('%s expression of %s must be one expression without a semicolon', p_what, p_table);
  end if;
  -- The mark under which the truncate trigger puts the table's present name.
  if position('{{table}}' in p_expression) > 0 then
    raise exception using
      errcode = '22023',
      message = format('%s expression of %s must not contain {{table}}', p_what, p_table);
  end if;
  select c.relname
  into _relation
  from pg_class c
  where c.oid = p_table;
  _probe := format('pg_temp.%I', _relation);
  begin
    -- Generated columns stay generated in the copy: a virtual one has no value in a transition table, and the
    -- index refuses it.
    execute format('create temporary table %s (like %s including generated)', _probe, p_table);
    -- Only an immutable expression of the row itself is the same when the row is deleted or recounted as when
    -- it was inserted; an index on an empty copy asks Postgres for just that.
    execute format(E'create index usage_meter_probe on %s ((%s\n))', _probe, p_expression);
    select
      format_type(a.atttypid, null),
      i.indnatts = 1
    into _type, _is_one_expression
    from pg_index i
    join pg_attribute a on a.attrelid = i.indexrelid and a.attnum = 1
    where i.indrelid = _probe::regclass;
    -- Text that closes the parentheses of the index and opens them again does not fit between one pair.
    execute format(E'select (%s\n) from %s where false', p_expression, _probe);
    execute format('drop table %s', _probe);
  exception when others then
    raise exception using
      errcode = '22023',
      message = format('%s expression "%s" cannot be used on %s: %s', p_what, p_expression, p_table, sqlerrm);
  end;
  -- Text that closes one pair may be a list, which is several columns to an index.
  if not _is_one_expression then
    raise exception using
      errcode = '22023',
      message = format('%s expression "%s" of %s is more than one expression', p_what, p_expression, p_table);
  end if;
  return _type;
end
$$;

revoke execute on function usage.meter_expression_type(regclass, text, text) from public;
