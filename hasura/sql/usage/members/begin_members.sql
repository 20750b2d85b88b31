create or replace function usage.begin_members(p_workspace_id uuid, p_metric text)
returns text
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _kind text;
  _feed text;
begin
  perform 1
  from usage.member_meters as member_meter
  where member_meter.workspace_id = p_workspace_id
    and member_meter.metric = p_metric;
  if found then
    return 'on';
  end if;
  perform 1
  from billing.member_limit_of(p_workspace_id, p_metric);
  if not found then
    return 'off';
  end if;

  select metric.kind, metric.feed
  into _kind, _feed
  from usage.metrics as metric
  where metric.key = p_metric;
  -- Every writer of a gauge holds this lock until its transaction ends. So the recount sees all rows of earlier writers,
  -- and later writers see the member meter.
  if _kind = 'gauge' then
    perform usage.lock_counter(p_workspace_id, p_metric, '-infinity');
  end if;
  insert into usage.member_meters (workspace_id, metric)
  values (p_workspace_id, p_metric)
  on conflict on constraint member_meters_pkey do nothing;
  if not found or _kind <> 'gauge' or _feed <> 'rows' then
    return 'on';
  end if;
  delete from usage.member_counters as counter
  where counter.workspace_id = p_workspace_id
    and counter.metric = p_metric
    and counter.period_start = '-infinity';
  insert into usage.member_counters (workspace_id, metric, period_start, member_id, used)
  select p_workspace_id, p_metric, '-infinity', recount.member_id, recount.amount
  from usage.recount_members(p_workspace_id, p_metric) as recount
  order by recount.member_id;
  return 'begun';
end
$$;

comment on function usage.begin_members(uuid, text) is 'Returns whether the members of a workspace are counted for a metric: "off", "on", or "begun" when this call has started to count a gauge, with all live rows including those of the present statement. Starts to count where a limit of members applies. Called by usage.add_to_members, the gate, usage.restart_members and usage.begin_limited_members';

revoke execute on function usage.begin_members(uuid, text) from public;
