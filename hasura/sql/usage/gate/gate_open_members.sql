create or replace function usage.gate_open_members(p_lines usage.gate_line[])
returns usage.gate_counter[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _counters usage.gate_counter[] := '{}'::usage.gate_counter[];
  _counter usage.gate_counter;
  _wanted record;
  _state text;
  _period_start timestamptz;
begin
  -- Behind the counters of the workspaces and in key order, as usage.add_to_members locks them.
  for _wanted in
    select
      line.workspace_id,
      line.metric,
      line.member_id,
      bool_or(line.op <> 'check') as is_locked
    from unnest(p_lines) as line
    where line.reason is null
      and line.member_id is not null
    group by line.workspace_id, line.metric, line.member_id
    order by line.workspace_id, line.metric, line.member_id
  loop
    if _wanted.is_locked then
      _state := usage.begin_members(_wanted.workspace_id, _wanted.metric);
    else
      -- A check does not begin to count members.
      _state := case
        when exists (
          select
          from usage.member_meters
          where member_meters.workspace_id = _wanted.workspace_id
            and member_meters.metric = _wanted.metric
        ) then 'on'
        when exists (
          select
          from billing.member_limit_of(_wanted.workspace_id, _wanted.metric)
        ) then 'to begin'
        else 'off'
      end;
    end if;
    continue when _state = 'off';

    select
      _wanted.workspace_id,
      metrics.key,
      metrics.kind,
      present.period_start,
      present.period_end,
      bound.limit_value,
      true,
      'hard',
      'member-limit',
      0::bigint,
      0::bigint,
      null::bigint,
      0::bigint,
      _wanted.member_id
    into _counter
    from usage.metrics
    cross join lateral usage.period(_wanted.workspace_id) as present
    left join lateral billing.member_limit_of(_wanted.workspace_id, _wanted.metric) as bound on true
    where metrics.key = _wanted.metric;
    _period_start := case _counter.kind when 'gauge' then '-infinity' else _counter.period_start end;

    if _wanted.is_locked then
      -- Writes the row, as usage.lock_counter does: a writer with an older snapshot fails instead of passing the limit.
      insert into usage.member_counters as counter (workspace_id, metric, period_start, member_id, used)
      values (_counter.workspace_id, _counter.metric, _period_start, _counter.member_id, 0)
      on conflict on constraint member_counters_pkey do update
        set used = counter.used
      returning counter.used
      into _counter.used;
    elsif _state = 'on' then
      _counter.used := coalesce(
        (
          select counter.used
          from usage.member_counters as counter
          where counter.workspace_id = _counter.workspace_id
            and counter.metric = _counter.metric
            and counter.period_start = _period_start
            and counter.member_id = _counter.member_id
        ),
        0
      );
    elsif _counter.kind = 'gauge' then
      _counter.used := coalesce(
        (
          select recount.amount
          from usage.recount_members(_counter.workspace_id, _counter.metric) as recount
          where recount.member_id = _counter.member_id
        ),
        0
      );
    end if;
    _counter.reserved := usage.member_reserved(_counter.workspace_id, _counter.metric, _counter.member_id);
    _counter.free := _counter.limit_value - _counter.used - _counter.reserved;
    _counters := _counters || _counter;
  end loop;
  return _counters;
end
$$;

comment on function usage.gate_open_members(usage.gate_line[]) is 'Locks the counters of the members that the lines name, in key order, and returns each with its limit and what is used, reserved and free. Leaves out workspaces whose members are not counted. A counter that is only checked is read without a lock. A step of usage.gate_many.';

revoke execute on function usage.gate_open_members(usage.gate_line[]) from public;
