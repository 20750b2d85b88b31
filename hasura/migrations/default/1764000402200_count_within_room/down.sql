create or replace function usage.add(workspace_id uuid, metric text, delta bigint, enforce boolean default true)
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
    if _kind = 'counter' then
      -- The first use of a period: an anchor that is set beside it waits here or is seen.
      perform 1
      from public.workspaces w
      where w.id = _workspace
      for key share;
      select p.period_start
      into _start
      from usage.period(_workspace, now()) p;
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
            'code', case when _limit.included then 'usage-limit-exceeded' else usage.not_included_reason(_workspace, _metric) end,
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


drop function usage.spread_counter(uuid, text, integer);
drop function usage.take(uuid, text, bigint, boolean);
drop function usage.take_from_slots(uuid, text, timestamptz, smallint, bigint);
