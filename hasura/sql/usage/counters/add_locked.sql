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
  c_most constant bigint := 9000000000000000000;
  -- Each shard gets a quarter of its even share of what is free; below this it is not worth the spreading.
  c_least_share constant bigint := 16;
  _kind text;
  _feed text;
  _period record;
  _start timestamptz := '-infinity';
  _home usage.counters;
  _limit record;
  _held bigint;
  _level record;
  _free bigint;
  _share bigint;
  _shards smallint;
  _granted bigint := 0;
  _total bigint;
  _measured bigint;
  _bound bigint;
  _may boolean;
  _until timestamptz;
  _asked_at constant timestamptz := clock_timestamp();
  _waited boolean;
begin
  select m.kind, m.feed
  into _kind, _feed
  from usage.metrics m
  where m.key = p_metric;
  if not found then
    raise exception using
      errcode = '23U02',
      message = format('unknown metric "%s"', p_metric),
      detail = json_build_object('code', 'unknown-metric', 'metric', p_metric)::text;
  end if;
  if p_workspace_id is null or p_amount is null then
    raise exception using
      errcode = '23U02',
      message = format('%s cannot be counted without a workspace and an amount', p_metric),
      detail = json_build_object('code', 'invalid-input', 'metric', p_metric)::text;
  end if;
  if p_amount < 0 and _kind = 'counter' then
    raise exception using
      errcode = '23U02',
      message = format('%s is a counter: what was used within a period is not given back', p_metric),
      detail = json_build_object('code', 'invalid-input', 'metric', p_metric)::text;
  end if;

  select p.period_start, p.period_end
  into _period
  from usage.period(p_workspace_id, now()) p;
  if _kind = 'counter' then
    _start := _period.period_start;
  end if;

  select *
  into _home
  from usage.counters c
  where c.workspace_id = p_workspace_id
    and c.metric = p_metric
    and c.period_start = _start
  for no key update;
  if not found then
    -- Rows of a workspace that is being deleted give back to a counter that is gone already.
    if p_amount < 0 or (p_amount = 0 and p_shards is null) then
      return;
    end if;
    if _kind = 'counter' then
      -- The first use of a period: an anchor that is set beside it waits here or is seen.
      perform 1
      from public.workspaces w
      where w.id = p_workspace_id
      for key share;
      select p.period_start, p.period_end
      into _period
      from usage.period(p_workspace_id, now()) p;
      _start := _period.period_start;
    end if;
    perform usage.lock_counter(p_workspace_id, p_metric, _start);
    select *
    into _home
    from usage.counters c
    where c.workspace_id = p_workspace_id
      and c.metric = p_metric
      and c.period_start = _start;
  end if;
  _waited := clock_timestamp() - _asked_at > interval '1 millisecond';

  -- From here on the lock is held, and what is read is that of now.
  select l.limit_value, l.included, l.cap_value, l.valid_until
  into _limit
  from billing.limit_of(p_workspace_id, p_metric, now()) l;
  if p_amount > 0 and p_enforce and not found then
    raise exception using
      errcode = '23U01',
      message = format('%s is not included: no limit is known, %s asked', p_metric, p_amount),
      detail = json_build_object('code', 'feature-not-in-plan', 'metric', p_metric, 'amount', p_amount)::text;
  end if;
  if p_amount > 0 and p_enforce and (not _limit.included or _limit.cap_value is not null) then
    _held := usage.reserved_amount(p_workspace_id, p_metric);
    if not _limit.included
      or usage.headroom_below(p_workspace_id, p_metric, _start, _limit.cap_value - _held, p_amount, p_wait) < p_amount
    then
      select t.used
      into _total
      from usage.counter_totals t
      where t.workspace_id = p_workspace_id
        and t.metric = p_metric
        and t.period_start = _start;
      perform usage.raise_limit_reached(
        p_workspace_id, p_metric, p_amount, _total, _held, _limit.limit_value, _limit.included
      );
    end if;
  end if;

  -- An alert is written with the use that reaches its threshold: no shard may hold headroom then, as nobody could say
  -- where the use is.
  if p_amount > 0 and _home.granted > 0 then
    perform usage.headroom_below(p_workspace_id, p_metric, _start, _home.alert_at - 1, p_amount, p_wait);
  end if;
  if _home.granted > 0 and now() >= _home.alert_due then
    perform usage.collect_busy_shards(p_workspace_id, p_metric, _start, p_wait);
  end if;
  select c.used + c.granted + p_amount
  into _total
  from usage.counters c
  where c.workspace_id = p_workspace_id
    and c.metric = p_metric
    and c.period_start = _start;
  if now() >= _home.alert_due or (p_amount > 0 and _total >= _home.alert_at) or _total < _home.fall_at then
    select *
    into _level
    from usage.note_level(p_workspace_id, p_metric, _start, _total);
    _home.alert_at := _level.rise_at;
    _home.fall_at := _level.fall_at;
    _home.alert_due := _limit.valid_until;
  end if;

  if _waited then
    _home.contention := case when _home.contention_since > _asked_at - interval '1 second' then least(_home.contention + 1, 1000) else 1 end;
    _home.contention_since := case when _home.contention = 1 then _asked_at else _home.contention_since end;
  end if;
  _shards := coalesce(p_shards, _home.shards);
  if _home.contention >= 8 and _kind = 'counter' and _feed = 'rows' and p_shards is null then
    _shards := case when _shards = 0 then 16 else least(_shards * 2, 64) end;
    _home.contention := 0;
  end if;
  -- A hot counter that nobody hurries any more is counted on one row again.
  if _shards > 0 and p_shards is null and _home.measured_at < clock_timestamp() - interval '50 seconds' then
    select t.used + p_amount
    into _measured
    from usage.counter_totals t
    where t.workspace_id = p_workspace_id
      and t.metric = p_metric
      and t.period_start = _start;
    if _home.shards > 0
      and _measured - _home.measured_used < 20 * (extract(epoch from clock_timestamp()) - extract(epoch from _home.measured_at))
    then
      _shards := 0;
    end if;
    _home.measured_at := clock_timestamp();
    _home.measured_used := _measured;
  end if;

  _until := least(_period.period_end, _limit.valid_until);
  _bound := least(
    coalesce(_limit.cap_value, c_most) - usage.reserved_by_all(p_workspace_id, p_metric),
    c_most,
    _home.alert_at - 1
  );
  _free := _bound - _total;
  _share := case when _shards > 0 then _free / (4 * _shards) else 0 end;
  _may := _limit.included and _free >= 0 and usage.may_grant_headroom(p_workspace_id);
  if _share < c_least_share then
    _shards := 0;
  end if;
  if _shards = 0 and _home.granted > 0 then
    perform usage.collect_shards(p_workspace_id, p_metric, _start, false);
    select _bound - c.used - c.granted - p_amount
    into _free
    from usage.counters c
    where c.workspace_id = p_workspace_id
      and c.metric = p_metric
      and c.period_start = _start;
  elsif _shards > 0 and _may then
    if _shards > _home.shards then
      insert into usage.counter_shards (workspace_id, metric, period_start, shard)
      select p_workspace_id, p_metric, _start, n
      from generate_series(0, _shards - 1) as n
      -- Instead of on conflict, which waits for a shard in use. Nobody else inserts: this has the row.
      where not exists (
        select
        from usage.counter_shards s
        where s.workspace_id = p_workspace_id
          and s.metric = p_metric
          and s.period_start = _start
          and s.shard = n
      );
    end if;
    -- The short time shows at each renewal whether the counter is still hot.
    _granted := usage.grant_to_shards(
      p_workspace_id, p_metric, _start, _shards,
      case when _shards = _home.shards then (pg_backend_pid() % _shards)::smallint end,
      _share,
      least(_until, clock_timestamp() + interval '1 minute')
    );
  end if;

  update usage.counters c
  set
    used = c.used + p_amount,
    headroom = case when _may and _shards = 0 then _free else 0 end,
    headroom_from = _period.period_start,
    headroom_until = case when _may and _shards = 0 then _until else '-infinity' end,
    granted = c.granted + _granted,
    shards = _shards,
    contention = _home.contention,
    contention_since = _home.contention_since,
    measured_at = _home.measured_at,
    measured_used = _home.measured_used,
    alert_at = _home.alert_at,
    alert_due = _home.alert_due,
    fall_at = _home.fall_at,
    updated_at = case when p_amount = 0 then c.updated_at else now() end
  where c.workspace_id = p_workspace_id
    and c.metric = p_metric
    and c.period_start = _start;

  if p_amount = 0 then
    return;
  end if;
  if _kind = 'gauge' then
    perform usage.note_peak(p_workspace_id, p_metric, _total - p_amount, _total, _home.updated_at);
  else
    insert into usage.counter_log (workspace_id, metric, period_start, amount)
    values (p_workspace_id, p_metric, _start, p_amount);
  end if;
end
$$;

comment on function usage.add_locked(uuid, text, bigint, boolean, smallint, boolean) is 'Adds under the counter''s lock with everything looked up: period, limit, reservations, alerts; then grants the headroom in which usage.add needs none of it. HU002 where it would wait for shards, if told not to';

revoke execute on function usage.add_locked(uuid, text, bigint, boolean, smallint, boolean) from public;
