create or replace function usage.restart_members(p_metric text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _workspaces uuid[];
begin
  with dropped as (
    delete from usage.member_meters m
    using usage.metrics k
    where m.metric = p_metric
      and k.key = m.metric
      and k.kind = 'gauge'
    returning m.workspace_id
  ),
  cleared as (
    delete from usage.member_counters c
    using dropped d
    where c.workspace_id = d.workspace_id
      and c.metric = p_metric
  )
  select array_agg(d.workspace_id order by d.workspace_id)
  into _workspaces
  from dropped d;
  for _n in 1..coalesce(cardinality(_workspaces), 0) loop
    perform usage.begin_members(_workspaces[_n], p_metric);
  end loop;
end
$$;

comment on function usage.restart_members(text) is 'Counts the members of a gauge anew, after another table or expression feeds it';

revoke execute on function usage.restart_members(text) from public;
