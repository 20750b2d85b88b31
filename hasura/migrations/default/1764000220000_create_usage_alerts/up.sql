create table usage.alerts (
  id uuid not null default gen_random_uuid(),
  workspace_id uuid not null,
  metric text not null,
  period_start timestamptz not null,
  threshold_percent integer not null,
  used bigint not null,
  limit_value bigint not null,
  created_at timestamptz not null default now(),
  acknowledged_at timestamptz,
  constraint alerts_pkey primary key (id),
  constraint alerts_workspace_id_fkey foreign key (workspace_id) references public.workspaces (id) on delete cascade,
  constraint alerts_metric_fkey foreign key (metric) references usage.metrics (key),
  constraint alerts_once_a_period unique (workspace_id, metric, period_start, threshold_percent),
  constraint alerts_threshold_percent_known check (threshold_percent in (75, 90, 100))
);

create index alerts_workspace_id_created_at_idx on usage.alerts (workspace_id, created_at);

comment on table usage.alerts is 'Use that reached 75, 90 or 100 percent of a limit, once for each workspace, metric, period and threshold.';
comment on column usage.alerts.used is 'Use at the moment the threshold was reached.';

alter table usage.counters
  add column alert_at bigint not null default 0,
  add column alert_due timestamptz not null default '-infinity';

comment on column usage.counters.alert_at is 'The use at which the next threshold is reached; keeps the triggers of alerts off the hot path.';
comment on column usage.counters.alert_due is 'From here on the next addition computes alert_at again, for limits that change by the clock.';

create function usage.raise_alerts(p_workspace_id uuid, p_metric text, p_period_start timestamptz, p_used bigint)
returns bigint
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  _limit bigint;
  _start timestamptz := p_period_start;
  _next numeric;
begin
  select bound.limit_value
  into _limit
  from billing.limit_of(p_workspace_id, p_metric) as bound;
  if _limit is null then
    return 9223372036854775807;
  end if;

  if p_used > 0 and p_used * 100::numeric >= _limit * 75::numeric then
    if not isfinite(_start) then
      select period.period_start
      into _start
      from usage.period(p_workspace_id) as period;
    end if;
    insert into usage.alerts (workspace_id, metric, period_start, threshold_percent, used, limit_value)
    select p_workspace_id, p_metric, _start, threshold.percent, p_used, _limit
    from unnest(array[75, 90, 100]) as threshold (percent)
    where p_used * 100::numeric >= _limit * threshold.percent::numeric
    on conflict on constraint alerts_once_a_period do nothing;
  end if;

  select min(ceil(_limit * threshold.percent::numeric / 100))
  into _next
  from unnest(array[75, 90, 100]) as threshold (percent)
  where p_used * 100::numeric < _limit * threshold.percent::numeric;
  return coalesce(_next::bigint, 9223372036854775807);
end
$$;

comment on function usage.raise_alerts(uuid, text, timestamptz, bigint) is
  'Writes the alerts that a level of use calls for and returns the level of the next one; for holders of the counter''s lock.';

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

create function usage.refresh_alerts() returns trigger
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

create trigger subscriptions_refresh_alerts
after insert or update or delete on billing.subscriptions
for each row
execute function usage.refresh_alerts();

create trigger limit_overrides_refresh_alerts
after insert or update or delete on billing.limit_overrides
for each row
execute function usage.refresh_alerts();

create trigger plan_limits_refresh_alerts
after insert or update or delete on billing.plan_limits
for each row
execute function usage.refresh_alerts();

revoke execute on function usage.raise_alerts(uuid, text, timestamptz, bigint) from public;
revoke execute on function usage.note_alerts() from public;
revoke execute on function usage.refresh_alerts() from public;
