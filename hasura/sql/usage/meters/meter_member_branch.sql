create or replace function usage.meter_member_branch(p_meter usage.meters, p_source text, p_sign integer)
returns text
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
  select usage.meter_branch(p_meter, p_source, p_sign, 'member_rows')
$$;

comment on function usage.meter_member_branch(usage.meters, text, integer) is 'SQL of the rows that a meter reads from a source for members: workspace_id, metric, member_id, amount times the sign.';

revoke execute on function usage.meter_member_branch(usage.meters, text, integer) from public;
