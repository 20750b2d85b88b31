create or replace function usage.meter_members(p_table regclass, p_metric text, p_member text)
returns usage.meters
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _meter usage.meters;
  _type text;
begin
  execute format('lock table %s in share row exclusive mode', p_table);
  if p_member is not null then
    _type := usage.meter_expression_type(p_table, 'member', p_member);
    if _type <> 'uuid' then
      raise exception using
        errcode = '22023',
        message = format('member expression "%s" of %s is of type %s, not uuid', p_member, p_table, _type);
    end if;
  end if;
  update usage.meters m
  set member_expression = p_member
  where m.relation = p_table
    and m.metric = p_metric
  returning m.*
  into _meter;
  if not found then
    raise exception using errcode = '22023', message = format('%s has no meter of "%s"', p_table, p_metric);
  end if;
  perform usage.restart_members(p_metric);
  perform usage.rebuild_member_meters(p_table);
  return _meter;
end
$$;

comment on function usage.meter_members(regclass, text, text) is 'Says which member a row of a metered table counts for, by an expression of type uuid; null for none';

revoke execute on function usage.meter_members(regclass, text, text) from public;
