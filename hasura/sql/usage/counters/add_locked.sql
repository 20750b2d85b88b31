create or replace function usage.add_locked(
  p_workspace_id uuid,
  p_metric text,
  p_amount bigint,
  p_enforce boolean,
  p_shards smallint,
  p_wait boolean
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _metric usage.metrics;
  _period record;
  _start timestamptz := timestamptz '-infinity';
  _counter usage.counters;
  _limit record;
  _level record;
  _total bigint;
  _started_at constant timestamptz := clock_timestamp();
  _waited boolean;
begin
  _metric := usage.check_addition(p_workspace_id, p_metric, p_amount);
  select present.period_start, present.period_end
  into _period
  from usage.period(p_workspace_id, now()) as present;
  if _metric.kind = 'counter' then
    _start := _period.period_start;
  end if;

  select *
  into _counter
  from usage.counters as counter
  where counter.workspace_id = p_workspace_id
    and counter.metric = p_metric
    and counter.period_start = _start
  for no key update;
  if not found then
    -- A negative amount comes from rows of a workspace that is being deleted, whose counter is gone already.
    if p_amount < 0 or (p_amount = 0 and p_shards is null) then
      return;
    end if;
    if _metric.kind = 'counter' then
      -- The first use of a period. billing.has_no_use locks the workspace for update: a period anchor that another
      -- transaction sets now either waits for this use or is seen by it.
      perform 1
      from public.workspaces as workspace
      where workspace.id = p_workspace_id
      for key share;
      select present.period_start, present.period_end
      into _period
      from usage.period(p_workspace_id, now()) as present;
      _start := _period.period_start;
    end if;
    perform usage.lock_counter(p_workspace_id, p_metric, _start);
    select *
    into _counter
    from usage.counters as counter
    where counter.workspace_id = p_workspace_id
      and counter.metric = p_metric
      and counter.period_start = _start;
  end if;
  _waited := clock_timestamp() - _started_at > interval '1 millisecond';

  -- With the lock taken, the statements from here on see all that its earlier holders committed.
  select bound.limit_value, bound.included, bound.cap_value, bound.valid_until
  into _limit
  from billing.limit_of(p_workspace_id, p_metric, now()) as bound;
  if p_amount > 0 and p_enforce and not found then
    perform usage.refuse(jsonb_build_object(
      'allowed', false,
      'reason', 'feature-not-in-plan',
      'code', 'feature-not-in-plan',
      'message', usage.not_included_message(p_metric, 'in the plan', 0, p_amount),
      'metric', p_metric,
      'amount', p_amount,
      'workspaceId', p_workspace_id
    ));
  end if;
  if p_amount > 0 and p_enforce and (not _limit.included or _limit.cap_value is not null) then
    perform usage.enforce_limit(
      p_workspace_id, p_metric, _start, p_amount, _limit.limit_value, _limit.included, _limit.cap_value, p_wait
    );
  end if;

  -- The addition that reaches a threshold writes the alert. Shards may have no headroom near one: their additions would
  -- reach it unseen.
  if p_amount > 0 and _counter.granted > 0 then
    perform usage.headroom_below(p_workspace_id, p_metric, _start, _counter.alert_at - 1, p_amount, p_wait);
  end if;
  if _counter.granted > 0 and now() >= _counter.alert_due then
    perform usage.collect_busy_shards(p_workspace_id, p_metric, _start, p_wait);
  end if;
  select counter.used + counter.granted + p_amount
  into _total
  from usage.counters as counter
  where counter.workspace_id = p_workspace_id
    and counter.metric = p_metric
    and counter.period_start = _start;
  if now() >= _counter.alert_due or (p_amount > 0 and _total >= _counter.alert_at) or _total < _counter.fall_at then
    select *
    into _level
    from usage.note_level(p_workspace_id, p_metric, _start, _total);
    _counter.alert_at := _level.rise_at;
    _counter.fall_at := _level.fall_at;
    _counter.alert_due := _limit.valid_until;
  end if;

  perform usage.grant_headroom(
    usage.adapt_shards(
      _counter, p_amount, _metric.kind = 'counter' and _metric.feed = 'rows', p_shards,
      case when _waited then _started_at end
    ),
    _counter.shards, p_amount, _total, _limit.included, _limit.cap_value,
    _period.period_start, least(_period.period_end, _limit.valid_until)
  );
  if p_amount = 0 then
    return;
  end if;
  if _metric.kind = 'gauge' then
    perform usage.note_peak(p_workspace_id, p_metric, _total - p_amount, _total, _counter.updated_at);
  else
    insert into usage.counter_log (workspace_id, metric, period_start, amount)
    values (p_workspace_id, p_metric, _start, p_amount);
  end if;
end
$$;

comment on function usage.add_locked(uuid, text, bigint, boolean, smallint, boolean) is 'Adds an amount under the lock of the counter''s row, creating the row where it is missing: reads period, limit and reservations, raises 23U01 where the limit refuses and 23U02 for invalid input, writes alerts, splits or merges the counter and grants new headroom. p_wait false raises HU002 instead of waiting for a shard in use. Called by usage.add_beyond_headroom and usage.add_many_locked';

revoke execute on function usage.add_locked(uuid, text, bigint, boolean, smallint, boolean) from public;
