create function usage.held(workspace_id uuid, metric text)
returns bigint
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select coalesce(sum(r.amount), 0)::bigint
  from usage.reservations r
  where r.workspace_id = $1
    and r.metric = $2
    and r.status = 'held'
    and r.expires_at > now()
    and r.id::text is distinct from nullif(current_setting('usage.reservation_id', true), '')
$$;

comment on function usage.held(uuid, text) is 'What live reservations hold of a metric, without the reservation that this transaction draws on (setting usage.reservation_id)';

create function usage.lock_counter(workspace_id uuid, metric text, period_start timestamptz)
returns bigint
language sql
volatile
set search_path = pg_catalog, pg_temp
as $$
  -- A written row version, not just a lock, makes a repeatable-read writer that did not see what is decided
  -- under this lock fail with a serialization error instead of passing the limit.
  insert into usage.counters as c (workspace_id, metric, period_start, used)
  values ($1, $2, $3, 0)
  on conflict on constraint counters_pkey do update
    set used = c.used
  returning c.used
$$;

comment on function usage.lock_counter(uuid, text, timestamptz) is 'Takes the row lock of one counter, creating it at zero, and returns what is used; take several in the order of workspace and metric';

create function usage.note_peak(p_workspace_id uuid, p_metric text, p_before bigint, p_after bigint, p_changed_at timestamptz)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  _start timestamptz;
  _at timestamptz;
  _end timestamptz;
begin
  select p.period_start
  into _start
  from usage.period(p_workspace_id, now()) p;

  update usage.peaks k
  set peak = greatest(k.peak, p_after)
  where k.workspace_id = p_workspace_id
    and k.metric = p_metric
    and k.period_start = _start
    and k.peak < p_after;
  if found then
    return;
  end if;

  perform 1
  from usage.peaks k
  where k.workspace_id = p_workspace_id
    and k.metric = p_metric
    and k.period_start = _start;
  if found then
    return;
  end if;

  -- The first change in this period. While a workspace is being deleted its row is gone or locked, and the
  -- peaks go with it.
  perform 1
  from public.workspaces w
  where w.id = p_workspace_id
  for key share skip locked;
  if not found then
    return;
  end if;

  -- The level did not move in the periods that passed without a change.
  _at := p_changed_at;
  for _i in 1..120 loop
    exit when _at is null or not isfinite(_at);
    select p.period_end
    into _end
    from usage.period(p_workspace_id, _at) p;
    exit when _end is null or _end >= _start;
    insert into usage.peaks (workspace_id, metric, period_start, peak)
    values (p_workspace_id, p_metric, _end, p_before)
    on conflict on constraint peaks_pkey do nothing;
    _at := _end;
  end loop;

  insert into usage.peaks as k (workspace_id, metric, period_start, peak)
  values (p_workspace_id, p_metric, _start, greatest(p_before, p_after))
  on conflict on constraint peaks_pkey do update
    set peak = greatest(k.peak, excluded.peak);
end
$$;

comment on function usage.note_peak(uuid, text, bigint, bigint, timestamptz) is 'Keeps the peak of a gauge whose counter row the caller has locked';

create function usage.add(workspace_id uuid, metric text, delta bigint, enforce boolean default true)
returns bigint
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  _workspace constant uuid := $1;
  _metric constant text := $2;
  _delta constant bigint := $3;
  _enforce constant boolean := $4;
  _kind text;
  _start timestamptz := '-infinity';
  _used bigint;
  _changed_at timestamptz;
  _limit record;
  _held bigint;
begin
  select m.kind
  into _kind
  from usage.metrics m
  where m.key = _metric;
  if not found then
    raise exception using
      errcode = '23U02',
      message = format('unknown metric "%s"', _metric),
      detail = json_build_object('code', 'unknown-metric', 'metric', _metric)::text;
  end if;
  if _workspace is null or _delta is null then
    raise exception using
      errcode = '23U02',
      message = format('%s cannot be counted without a workspace and an amount', _metric),
      detail = json_build_object('code', 'invalid-input', 'metric', _metric)::text;
  end if;
  if _delta < 0 and _kind = 'counter' then
    raise exception using
      errcode = '23U02',
      message = format('%s is a counter: what was used within a period is not given back', _metric),
      detail = json_build_object('code', 'invalid-input', 'metric', _metric)::text;
  end if;

  if _kind = 'counter' then
    select p.period_start
    into _start
    from usage.period(_workspace, now()) p;
  end if;

  if _delta = 0 then
    select c.used
    into _used
    from usage.counters c
    where c.workspace_id = _workspace
      and c.metric = _metric
      and c.period_start = _start;
    return coalesce(_used, 0);
  end if;

  -- The time of the last change is read under the row lock, which only gauges need.
  if _kind = 'gauge' then
    select c.updated_at
    into _changed_at
    from usage.counters c
    where c.workspace_id = _workspace
      and c.metric = _metric
      and c.period_start = _start
    for no key update;
  end if;

  update usage.counters c
  set
    used = c.used + _delta,
    updated_at = now()
  where c.workspace_id = _workspace
    and c.metric = _metric
    and c.period_start = _start
  returning c.used
  into _used;

  if not found then
    -- Rows of a workspace that is being deleted give back to a counter that is gone already.
    if _delta < 0 then
      return 0;
    end if;
    insert into usage.counters as c (workspace_id, metric, period_start, used)
    values (_workspace, _metric, _start, _delta)
    on conflict on constraint counters_pkey do update
      set
        used = c.used + excluded.used,
        updated_at = now()
    returning c.used
    into _used;
  end if;

  -- Limit and reservations are read after the lock is held, so that they are those of now.
  if _delta > 0 and _enforce then
    select l.limit_value, l.included, l.enforcement
    into _limit
    from billing.limit_of(_workspace, _metric, now()) l;
    if not found then
      raise exception using
        errcode = '23U01',
        message = format('%s is not included: no limit is known, %s asked', _metric, _delta),
        detail = json_build_object('code', 'feature-not-in-plan', 'metric', _metric, 'amount', _delta)::text;
    end if;
    if not _limit.included or (_limit.enforcement is distinct from 'soft' and _limit.limit_value is not null) then
      _held := usage.held(_workspace, _metric);
      if not _limit.included or _used + _held > _limit.limit_value then
        raise exception using
          errcode = '23U01',
          message = case
            when not _limit.included then format(
              '%s is not included in the plan: limit of 0, %s used, %s more asked',
              _metric, _used - _delta, _delta
            )
            when _held > 0 then format(
              'limit of %s %s reached: %s used, %s reserved, %s more asked',
              _limit.limit_value, _metric, _used - _delta, _held, _delta
            )
            else format(
              'limit of %s %s reached: %s used, %s more asked',
              _limit.limit_value, _metric, _used - _delta, _delta
            )
          end,
          detail = json_build_object(
            'code', case when _limit.included then 'usage-limit-exceeded' else 'feature-not-in-plan' end,
            'workspaceId', _workspace,
            'metric', _metric,
            'amount', _delta,
            'used', _used - _delta,
            'reserved', _held,
            'limit', coalesce(_limit.limit_value, 0)
          )::text;
      end if;
    end if;
  end if;

  if _kind = 'gauge' then
    perform usage.note_peak(_workspace, _metric, _used - _delta, _used, _changed_at);
  else
    insert into usage.counter_entries (workspace_id, metric, period_start, amount)
    values (_workspace, _metric, _start, _delta);
  end if;

  return _used;
end
$$;

comment on function usage.add(uuid, text, bigint, boolean) is 'The one way to a counter: adds under its row lock, refuses with SQLSTATE 23U01 what would pass a hard limit, and returns the new use';

revoke execute on function usage.held(uuid, text) from public;
revoke execute on function usage.lock_counter(uuid, text, timestamptz) from public;
revoke execute on function usage.note_peak(uuid, text, bigint, bigint, timestamptz) from public;
revoke execute on function usage.add(uuid, text, bigint, boolean) from public;
