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
  -- A plan may have any number of workspaces: each computes its level again with its next use.
  for _counter in
    select counter.workspace_id, counter.metric, counter.period_start, counter.granted
    from usage.counters as counter
    where (p_metric is null or counter.metric = p_metric)
      and (counter.alert_due > now() or counter.headroom_until > now() or counter.granted > 0)
      and (counter.period_start = '-infinity' or counter.period_start > now() - interval '400 days')
    order by counter.workspace_id, counter.metric, counter.period_start
  loop
    _granted := _counter.granted;
    if _granted = 0 then
      update usage.counters as counter
      set
        headroom = 0,
        headroom_until = '-infinity',
        alert_due = '-infinity'
      where counter.workspace_id = _counter.workspace_id
        and counter.metric = _counter.metric
        and counter.period_start = _counter.period_start
      returning counter.granted
      into _granted;
    end if;
    if _granted > 0 then
      perform usage.recall_headroom(_counter.workspace_id, _counter.metric, _counter.period_start);
    end if;
  end loop;
end
$$;

comment on function usage.refresh_plan_limits(text) is 'Takes back the headroom of every counter of a metric that a change of plan limits may concern; null for all metrics. usage.refresh_alerts calls it.';

revoke execute on function usage.refresh_plan_limits(text) from public;
