drop trigger period_anchors_refresh_alerts on billing.period_anchors;
drop trigger workspaces_refresh_alerts on public.workspaces;
drop trigger plan_limits_refresh_alerts_truncate on billing.plan_limits;
drop trigger limit_overrides_refresh_alerts_truncate on billing.limit_overrides;
drop trigger subscriptions_refresh_alerts_truncate on billing.subscriptions;

create or replace function usage.refresh_alerts() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  _workspace uuid;
  _metric text;
  _counter record;
begin
  if tg_table_name = 'plan_limits' then
    _metric := case tg_op when 'DELETE' then old.metric else new.metric end;
  else
    _workspace := case tg_op when 'DELETE' then old.workspace_id else new.workspace_id end;
    perform 1
    from public.workspaces
    where id = _workspace;
    if not found then
      return null;
    end if;
    if tg_table_name = 'limit_overrides' then
      _metric := case tg_op when 'DELETE' then old.metric else new.metric end;
    end if;
  end if;

  -- One plan may have any number of workspaces: their levels are computed again at their next use.
  if _workspace is null then
    with locked as (
      select counters.workspace_id, counters.metric, counters.period_start
      from usage.counters
      where counters.metric = _metric
        and counters.alert_at > 0
        and (counters.period_start = '-infinity' or counters.period_start > now() - interval '100 days')
      order by counters.workspace_id, counters.metric
      for no key update
    )
    update usage.counters
    set alert_at = 0
    from locked
    where counters.workspace_id = locked.workspace_id
      and counters.metric = locked.metric
      and counters.period_start = locked.period_start;
    return null;
  end if;

  for _counter in
    select counters.workspace_id, counters.metric, counters.period_start, counters.used
    from usage.counters
    where counters.workspace_id = _workspace
      and (_metric is null or counters.metric = _metric)
      and counters.period_start in (
        '-infinity',
        (
          select period.period_start
          from usage.period(_workspace) as period
        )
      )
    order by counters.workspace_id, counters.metric
    for no key update
  loop
    update usage.counters
    set alert_at = usage.raise_alerts(_counter.workspace_id, _counter.metric, _counter.period_start, _counter.used)
    where workspace_id = _counter.workspace_id
      and metric = _counter.metric
      and period_start = _counter.period_start;
  end loop;
  return null;
end
$$;

comment on function usage.refresh_alerts() is 'Computes again, after a limit has changed, at what use the next alert is due.';

drop function usage.refresh_plan_limits(text);
drop function usage.refresh_workspace_limits(uuid, text);

create function usage.note_alerts() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if tg_op = 'UPDATE' then
    new.alert_at := usage.raise_alerts(new.workspace_id, new.metric, new.period_start, new.used);
    new.alert_due := now() + interval '1 minute';
    return new;
  end if;
  -- Not before the insert: an upsert fires that trigger too, with an amount in place of the use.
  update usage.counters
  set alert_at = usage.raise_alerts(new.workspace_id, new.metric, new.period_start, new.used),
    alert_due = now() + interval '1 minute'
  where workspace_id = new.workspace_id
    and metric = new.metric
    and period_start = new.period_start;
  return null;
end
$$;

comment on function usage.note_alerts() is 'Raises alerts when a counter reaches its next threshold.';

revoke execute on function usage.note_alerts() from public;

create trigger counters_note_alerts_update
before update on usage.counters
for each row
when (new.used > old.used and (new.used >= new.alert_at or new.updated_at >= new.alert_due))
execute function usage.note_alerts();

create trigger counters_note_alerts_insert
after insert on usage.counters
for each row
when (new.used > 0)
execute function usage.note_alerts();
