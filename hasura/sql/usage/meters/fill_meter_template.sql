create or replace function usage.fill_meter_template(p_part text, p_values jsonb)
returns text
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  _pieces constant text[] := string_to_array(usage.meter_template(p_part), '{{');
  _filled text := _pieces[1];
  _name text;
begin
  if _pieces is null then
    raise exception using errcode = '22023', message = format('usage.meter_template has no part "%s"', p_part);
  end if;
  -- One pass over the template: what a value contains is never taken for a mark.
  for _n in 2..cardinality(_pieces) loop
    _name := split_part(_pieces[_n], '}}', 1);
    if p_values ->> _name is null then
      raise exception using errcode = '22023', message = format('part "%s" of usage.meter_template needs a value for {{%s}}', p_part, _name);
    end if;
    _filled := _filled || (p_values ->> _name) || substr(_pieces[_n], length(_name) + 3);
  end loop;
  return _filled;
end
$$;

comment on function usage.fill_meter_template(text, jsonb) is 'A part of usage.meter_template with each {{name}} replaced by the value of that name. Values are SQL: the caller quotes names and literals. SQLSTATE 22023 for an unknown part and for a name without a value.';

revoke execute on function usage.fill_meter_template(text, jsonb) from public;
