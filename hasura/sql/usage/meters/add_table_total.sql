create or replace function usage.add_table_total(p_meter usage.meters, p_sign integer)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _values constant jsonb := jsonb_build_object(
    'rows', usage.meter_branch(p_meter, p_meter.relation::text, p_sign)
  );
  _workspaces uuid[];
  _metrics text[];
  _amounts bigint[];
begin
  execute usage.fill_meter_template('total', _values)
  into _workspaces, _metrics, _amounts;
  -- One after the other, because usage.add_many knows no way around the limits.
  for _n in 1..coalesce(cardinality(_workspaces), 0) loop
    perform usage.add(_workspaces[_n], _metrics[_n], _amounts[_n], false);
  end loop;
end
$$;

comment on function usage.add_table_total(usage.meters, integer) is 'Adds what the rows of a table amount to, times the sign, to the gauge of each workspace, whatever its limit. The caller has locked the table.';

revoke execute on function usage.add_table_total(usage.meters, integer) from public;
