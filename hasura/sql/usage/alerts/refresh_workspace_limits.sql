create or replace function usage.refresh_workspace_limits(p_workspace_id uuid, p_metric text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _counter record;
  _level record;
begin
  -- The other side of usage.may_grant_headroom: a counter that is not to be seen yet has no headroom until this is over.
  perform 1
  from public.workspaces w
  where w.id = p_workspace_id
  for no key update;
  if not found then
    return;
  end if;

  for _counter in
    select c.workspace_id, c.metric, c.period_start
    from usage.counters c
    where c.workspace_id = p_workspace_id
      and (p_metric is null or c.metric = p_metric)
      and (
        c.headroom_until > now()
        or c.granted > 0
        or c.period_start in (
          '-infinity',
          (
            select p.period_start
            from usage.period(p_workspace_id) p
          )
        )
      )
    order by c.workspace_id, c.metric, c.period_start
  loop
    select *
    into _level
    from usage.note_level(
      _counter.workspace_id, _counter.metric, _counter.period_start,
      usage.recall_headroom(_counter.workspace_id, _counter.metric, _counter.period_start)
    );
    update usage.counters c
    set
      alert_at = _level.rise_at,
      fall_at = _level.fall_at,
      alert_due = (
        select bound.valid_until
        from billing.limit_of(_counter.workspace_id, _counter.metric) as bound
      )
    where c.workspace_id = _counter.workspace_id
      and c.metric = _counter.metric
      and c.period_start = _counter.period_start;
  end loop;
end
$$;

comment on function usage.refresh_workspace_limits(uuid, text) is 'After a limit of a workspace has changed: takes back the headroom of its counters and writes the alerts that the new limit calls for';

revoke execute on function usage.refresh_workspace_limits(uuid, text) from public;
