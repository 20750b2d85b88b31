create or replace function usage.restart_members(p_metric text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _workspaces uuid[];
begin
  with stopped as (
    delete from usage.member_meters as member_meter
    using usage.metrics as metric
    where member_meter.metric = p_metric
      and metric.key = member_meter.metric
      and metric.kind = 'gauge'
    returning member_meter.workspace_id
  ),
  cleared as (
    delete from usage.member_counters as counter
    using stopped
    where counter.workspace_id = stopped.workspace_id
      and counter.metric = p_metric
  )
  select array_agg(stopped.workspace_id order by stopped.workspace_id)
  into _workspaces
  from stopped;
  for _n in 1..coalesce(cardinality(_workspaces), 0) loop
    perform usage.begin_members(_workspaces[_n], p_metric);
  end loop;
end
$$;

comment on function usage.restart_members(text) is 'Starts to count the members of a gauge again, from the live rows, in every workspace that counted them. Called by usage.meter_members and usage.detach_meter, after which other tables or expressions feed the gauge';

revoke execute on function usage.restart_members(text) from public;
