create or replace function usage.refresh_plan_limits(p_metric text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _counter record;
  _granted bigint;
begin
  perform pg_advisory_xact_lock(hashtextextended('billing.plan_limits', 0));
  -- One plan may have any number of workspaces: their levels are computed again at their next use.
  for _counter in
    select c.workspace_id, c.metric, c.period_start, c.granted
    from usage.counters c
    where (p_metric is null or c.metric = p_metric)
      and (c.alert_due > now() or c.headroom_until > now() or c.granted > 0)
      and (c.period_start = '-infinity' or c.period_start > now() - interval '400 days')
    order by c.workspace_id, c.metric, c.period_start
  loop
    _granted := _counter.granted;
    if _granted = 0 then
      update usage.counters c
      set
        headroom = 0,
        headroom_until = '-infinity',
        alert_due = '-infinity'
      where c.workspace_id = _counter.workspace_id
        and c.metric = _counter.metric
        and c.period_start = _counter.period_start
      returning c.granted
      into _granted;
    end if;
    if _granted > 0 then
      perform usage.recall_headroom(_counter.workspace_id, _counter.metric, _counter.period_start);
    end if;
  end loop;
end
$$;

comment on function usage.refresh_plan_limits(text) is 'After limits of plans have changed: takes back the headroom of every counter that they may bound';

revoke execute on function usage.refresh_plan_limits(text) from public;
