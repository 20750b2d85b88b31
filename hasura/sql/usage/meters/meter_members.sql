create or replace function usage.meter_members(p_table regclass, p_metric text, p_member text)
returns usage.meters
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _meter usage.meters;
begin
  execute format('lock table %s in share row exclusive mode', p_table);
  if p_member is not null then
    perform usage.require_meter_expression(p_table, 'member', p_member);
  end if;
  update usage.meters as meter
  set member_expression = p_member
  where meter.relation = p_table
    and meter.metric = p_metric
  returning meter.*
  into _meter;
  if not found then
    raise exception using errcode = '22023', message = format('%s has no meter of "%s"', p_table, p_metric);
  end if;
  perform usage.restart_members(p_metric);
  perform usage.rebuild_meters(p_table);
  return _meter;
end
$$;

comment on function usage.meter_members(regclass, text, text) is 'Sets for which member a row of a metered table counts, by an expression of type uuid; null for none. SQLSTATE 22023 when the table has no meter of the metric or the expression is none.';

revoke execute on function usage.meter_members(regclass, text, text) from public;
