create or replace function usage.detach_meter(p_table regclass, p_metric text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform usage.detach_workspace_meter(p_table, p_metric);
  perform usage.restart_members(p_metric);
  perform usage.rebuild_member_meters(p_table);
end
$$;

comment on function usage.detach_meter(regclass, text) is 'Ends a meter; a gauge gives back what the table had, a counter keeps what was used';

revoke execute on function usage.detach_meter(regclass, text) from public;
