create or replace function billing.has_counted(workspace_id uuid) returns boolean
language plpgsql
stable
as $$
begin
  return exists (
    select
    from usage.counters c
    where c.workspace_id = has_counted.workspace_id
    and c.period_start > '-infinity'
    and c.used > 0
  );
end
$$;

create or replace function billing.move_anchor(workspace_id uuid, new_anchor timestamptz, old_zone text, new_zone text, at timestamptz) returns void
language plpgsql
as $$
declare
  present record;
  following record;
begin
  -- without use there is nothing to hand back: the new rhythm starts at once
  if not billing.has_counted(move_anchor.workspace_id) then
    select * into present from billing.anchored_period(move_anchor.new_anchor, move_anchor.new_zone, move_anchor.at);
    delete from billing.period_anchors a
    where a.workspace_id = move_anchor.workspace_id
    and a.valid_from >= present.period_start;
    insert into billing.period_anchors (workspace_id, valid_from, anchor_at, time_zone)
    values (move_anchor.workspace_id, present.period_start, move_anchor.new_anchor, move_anchor.new_zone);
    return;
  end if;

  if not exists (select from billing.period_anchors a where a.workspace_id = move_anchor.workspace_id) then
    insert into billing.period_anchors (workspace_id, valid_from, anchor_at, time_zone)
    values (move_anchor.workspace_id, '-infinity', null, move_anchor.old_zone);
  end if;

  select * into present from usage.period(move_anchor.workspace_id, greatest(move_anchor.at, now()));
  select * into following from billing.anchored_period(move_anchor.new_anchor, move_anchor.new_zone, present.period_end);

  delete from billing.period_anchors a
  where a.workspace_id = move_anchor.workspace_id
  and a.valid_from >= present.period_start;
  insert into billing.period_anchors (workspace_id, valid_from, anchor_at, time_zone, bridge_until)
  values (
    move_anchor.workspace_id,
    present.period_start,
    move_anchor.new_anchor,
    move_anchor.new_zone,
    case when following.period_start = present.period_end then present.period_end else following.period_end end
  );
end
$$;

create or replace function billing.apply_time_zone() returns trigger
language plpgsql
as $$
declare
  anchor timestamptz;
begin
  if not billing.has_counted(new.id) then
    update billing.period_anchors
    set time_zone = new.time_zone
    where workspace_id = new.id;
    return null;
  end if;
  select a.anchor_at
  into anchor
  from billing.period_anchors a
  where a.workspace_id = new.id
  and a.valid_from <= now()
  order by a.valid_from desc
  limit 1;
  perform billing.move_anchor(new.id, anchor, old.time_zone, new.time_zone, now());
  return null;
end
$$;

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

create or replace function usage.gate_lock(p_workspace_id uuid, p_metric text, p_written boolean) returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_period_start timestamptz := '-infinity';
begin
  perform 1
  from usage.metrics
  where key = p_metric
    and kind = 'gauge';
  if not found then
    select period.period_start
    into v_period_start
    from usage.period(p_workspace_id) as period;
  end if;

  if not p_written then
    perform 1
    from usage.counters
    where workspace_id = p_workspace_id
      and metric = p_metric
      and period_start = v_period_start
    for no key update;
    if found then
      return;
    end if;
  end if;

  -- A metric outside the plan is refused whatever was used, so it needs neither a lock nor a row.
  perform 1
  from billing.limit_of(p_workspace_id, p_metric) as bound
  where bound.included;
  if found then
    perform usage.lock_counter(p_workspace_id, p_metric, v_period_start);
  end if;
end
$$;

drop function billing.has_no_use(uuid);
