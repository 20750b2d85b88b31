create or replace function usage.detach_meter(p_table regclass, p_metric text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _meter usage.meters;
  _kind text;
begin
  execute format('lock table %s in share row exclusive mode', p_table);
  delete from usage.meters as meter
  where meter.relation = p_table
    and meter.metric = p_metric
  returning meter.*
  into _meter;
  if not found then
    raise exception using errcode = '22023', message = format('%s has no meter of "%s"', p_table, p_metric);
  end if;

  select metric.kind
  into _kind
  from usage.metrics as metric
  where metric.key = p_metric;
  if _kind = 'gauge' then
    perform usage.add_table_total(_meter, -1);
  end if;
  perform usage.rebuild_meters(p_table);
  perform usage.restart_members(p_metric);
end
$$;

comment on function usage.detach_meter(regclass, text) is 'Ends a meter and drops its triggers. A gauge gives back what the table had; a counter keeps what was used. SQLSTATE 22023 when the table has no meter of the metric.';

revoke execute on function usage.detach_meter(regclass, text) from public;
