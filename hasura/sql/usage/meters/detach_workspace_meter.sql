create or replace function usage.detach_workspace_meter(p_table regclass, p_metric text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _meter usage.meters;
  _kind text;
  _use record;
begin
  execute format('lock table %s in share row exclusive mode', p_table);
  delete from usage.meters m
  where m.relation = p_table
    and m.metric = p_metric
  returning m.*
  into _meter;
  if not found then
    raise exception using errcode = '22023', message = format('%s has no meter of "%s"', p_table, p_metric);
  end if;

  select m.kind
  into _kind
  from usage.metrics m
  where m.key = p_metric;
  if _kind = 'gauge' then
    for _use in execute usage.meter_total(usage.meter_branch(_meter, p_table::text, -1))
    loop
      perform usage.add(_use.workspace_id, _use.metric, _use.amount);
    end loop;
  end if;

  perform usage.rebuild_meters(p_table);
end
$$;

comment on function usage.detach_workspace_meter(regclass, text) is 'Ends a meter; a gauge gives back what the table had, a counter keeps what was used';

revoke execute on function usage.detach_workspace_meter(regclass, text) from public;
