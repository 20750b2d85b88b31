create or replace function usage.require_meter_expression(p_table regclass, p_what text, p_expression text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _relation text;
  _values jsonb;
  _type text;
  _is_one_expression boolean;
  _wanted text;
begin
  if p_expression is null or position(';' in p_expression) > 0 then
    raise exception using
      errcode = '22023',
      message = format('%s expression of %s must be one expression without a semicolon', p_what, p_table);
  end if;
  -- The mark that the truncate trigger replaces by the present name of the table.
  if position('{{table}}' in p_expression) > 0 then
    raise exception using
      errcode = '22023',
      message = format('%s expression of %s must not contain {{table}}', p_what, p_table);
  end if;

  select class.relname::text
  into _relation
  from pg_class as class
  where class.oid = p_table;
  _values := jsonb_build_object('relation', quote_ident(_relation), 'table', p_table, 'expression', p_expression);
  begin
    execute usage.fill_meter_template('probe', _values);
    select
      format_type(attribute.atttypid, null),
      index.indnatts = 1
    into _type, _is_one_expression
    from pg_index as index
    join pg_attribute as attribute
      on attribute.attrelid = index.indexrelid
      and attribute.attnum = 1
    where index.indrelid = format('pg_temp.%I', _relation)::regclass;
    execute usage.fill_meter_template('probe_parentheses', _values);
    execute format('drop table pg_temp.%I', _relation);
  exception
    when undefined_column then
      raise exception using
        errcode = '22023',
        message = format('%s expression "%s" cannot be used on %s: %s', p_what, p_expression, p_table, sqlerrm)
          || case p_what when 'workspace' then '; ' || usage.suggest_workspace_column(p_table) else '' end;
    when others then
      raise exception using
        errcode = '22023',
        message = format('%s expression "%s" cannot be used on %s: %s', p_what, p_expression, p_table, sqlerrm);
  end;
  -- Text that closes one pair of parentheses may be a list, which is several columns to an index.
  if not _is_one_expression then
    raise exception using
      errcode = '22023',
      message = format('%s expression "%s" of %s is more than one expression', p_what, p_expression, p_table);
  end if;

  _wanted := case p_what
    when 'amount' then 'a number'
    when 'live' then 'boolean'
    else 'uuid'
  end;
  if _type <> all (
    case _wanted
      when 'a number' then array['smallint', 'integer', 'bigint', 'numeric', 'real', 'double precision']
      else array[_wanted]
    end
  ) then
    raise exception using
      errcode = '22023',
      message = format('%s expression "%s" of %s is of type %s, not %s', p_what, p_expression, p_table, _type, _wanted);
  end if;
end
$$;

comment on function usage.require_meter_expression(regclass, text, text) is 'Raises SQLSTATE 22023 unless the text is one immutable expression on a row of the table: of type uuid for workspace and member, boolean for live, a number for amount.';

revoke execute on function usage.require_meter_expression(regclass, text, text) from public;
