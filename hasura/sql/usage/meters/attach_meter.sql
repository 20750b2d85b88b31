create or replace function usage.attach_meter(
  p_table regclass,
  p_metric text,
  p_workspace text default 'workspace_id',
  p_amount text default '1',
  p_live text default null,
  p_member text default null
)
returns usage.meters
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _meter usage.meters;
begin
  _meter := usage.attach_workspace_meter(p_table, p_metric, p_workspace, p_amount, p_live);
  if p_member is not null then
    _meter := usage.meter_members(p_table, p_metric, p_member);
  end if;
  return _meter;
end
$$;

comment on function usage.attach_meter(regclass, text, text, text, text, text) is 'Meters a table by statement-level triggers; live rows that exist count into a gauge, whatever the limit, and not into a counter. With p_member they count for a member, too, where members are limited';

revoke execute on function usage.attach_meter(regclass, text, text, text, text, text) from public;
