create or replace function usage.refresh_workspace_limits(p_workspace_id uuid, p_metric text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _counter record;
  _level record;
begin
  -- Excludes usage.may_grant_headroom: a counter that another transaction is creating gets no headroom before this one ends.
  perform 1
  from public.workspaces as workspace
  where workspace.id = p_workspace_id
  for no key update;
  if not found then
    return;
  end if;

  for _counter in
    select counter.workspace_id, counter.metric, counter.period_start
    from usage.counters as counter
    where counter.workspace_id = p_workspace_id
      and (p_metric is null or counter.metric = p_metric)
      and (
        counter.headroom_until > now()
        or counter.granted > 0
        or counter.period_start in (
          '-infinity',
          (
            select period.period_start
            from usage.period(p_workspace_id) as period
          )
        )
      )
    order by counter.workspace_id, counter.metric, counter.period_start
  loop
    select *
    into _level
    from usage.note_level(
      _counter.workspace_id, _counter.metric, _counter.period_start,
      usage.recall_headroom(_counter.workspace_id, _counter.metric, _counter.period_start)
    );
    update usage.counters as counter
    set
      alert_at = _level.rise_at,
      fall_at = _level.fall_at,
      alert_due = (
        select bound.valid_until
        from billing.limit_of(_counter.workspace_id, _counter.metric) as bound
      )
    where counter.workspace_id = _counter.workspace_id
      and counter.metric = _counter.metric
      and counter.period_start = _counter.period_start;
  end loop;
end
$$;

comment on function usage.refresh_workspace_limits(uuid, text) is 'Takes back the headroom of the counters of a workspace, for one metric or with null for all, and writes the alerts that its changed limit calls for. usage.refresh_alerts calls it.';

revoke execute on function usage.refresh_workspace_limits(uuid, text) from public;
