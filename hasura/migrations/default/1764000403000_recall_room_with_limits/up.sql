drop trigger counters_note_alerts_update on usage.counters;
drop trigger counters_note_alerts_insert on usage.counters;
drop function usage.note_alerts();

create function usage.refresh_workspace_limits(p_workspace_id uuid, p_metric text)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  _counter record;
  _level record;
begin
  -- The other side of usage.may_grant_room: a counter that is not to be seen yet has no room until this is over.
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
        c.room_until > now()
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
      usage.recall_room(_counter.workspace_id, _counter.metric, _counter.period_start)
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

comment on function usage.refresh_workspace_limits(uuid, text) is 'After a limit of a workspace has changed: takes back the room of its counters and writes the alerts that the new limit calls for';

create function usage.refresh_plan_limits(p_metric text)
returns void
language plpgsql
volatile
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
      and (c.alert_due > now() or c.room_until > now() or c.granted > 0)
      and (c.period_start = '-infinity' or c.period_start > now() - interval '400 days')
    order by c.workspace_id, c.metric, c.period_start
  loop
    _granted := _counter.granted;
    if _granted = 0 then
      update usage.counters c
      set
        room = 0,
        room_until = '-infinity',
        alert_due = '-infinity'
      where c.workspace_id = _counter.workspace_id
        and c.metric = _counter.metric
        and c.period_start = _counter.period_start
      returning c.granted
      into _granted;
    end if;
    if _granted > 0 then
      perform usage.recall_room(_counter.workspace_id, _counter.metric, _counter.period_start);
    end if;
  end loop;
end
$$;

comment on function usage.refresh_plan_limits(text) is 'After limits of plans have changed: takes back the room of every counter that they may bound';

create or replace function usage.refresh_alerts() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  _change record;
begin
  for _change in
    select distinct changed.workspace_id, changed.metric
    from (
      select
        (side.fields ->> case when tg_table_schema = 'public' then 'id' else 'workspace_id' end)::uuid as workspace_id,
        side.fields ->> 'metric' as metric
      from (
        values
          (case when tg_op in ('INSERT', 'UPDATE') then to_jsonb(new) end),
          (case when tg_op in ('DELETE', 'UPDATE') then to_jsonb(old) end),
          (case when tg_op = 'TRUNCATE' then '{}'::jsonb end)
      ) as side (fields)
      where side.fields is not null
    ) as changed
    order by changed.workspace_id, changed.metric
  loop
    if _change.workspace_id is null then
      perform usage.refresh_plan_limits(_change.metric);
    else
      perform usage.refresh_workspace_limits(_change.workspace_id, _change.metric);
    end if;
  end loop;
  return null;
end
$$;

comment on function usage.refresh_alerts() is 'For tables that billing.limit_of reads: takes back room and computes alerts again for the workspace_id and metric of the changed row, for all where it names none.';

create trigger subscriptions_refresh_alerts_truncate
after truncate on billing.subscriptions
for each statement
execute function usage.refresh_alerts();

create trigger limit_overrides_refresh_alerts_truncate
after truncate on billing.limit_overrides
for each statement
execute function usage.refresh_alerts();

create trigger plan_limits_refresh_alerts_truncate
after truncate on billing.plan_limits
for each statement
execute function usage.refresh_alerts();

create trigger workspaces_refresh_alerts
after update of time_zone on public.workspaces
for each row
when (old.time_zone is distinct from new.time_zone)
execute function usage.refresh_alerts();

create trigger period_anchors_refresh_alerts
after insert or update or delete on billing.period_anchors
for each row
execute function usage.refresh_alerts();

revoke execute on function usage.refresh_workspace_limits(uuid, text) from public;
revoke execute on function usage.refresh_plan_limits(text) from public;
