create or replace function usage.gate_lock_counters(p_lines usage.gate_line[], p_wait boolean)
returns usage.gate_counter[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _counters usage.gate_counter[] := '{}'::usage.gate_counter[];
  _counter usage.gate_counter;
  _wanted record;
begin
  -- In key order. The lock comes first; a separate statement then reads what it protects, because a statement does not
  -- see what was committed while it waited.
  for _wanted in
    select
      line.workspace_id,
      line.metric,
      bool_or(line.op <> 'check') as is_locked,
      bool_or(line.op in ('reserve', 'extend')) as is_written,
      least(coalesce(sum(line.amount::numeric) filter (where line.op in ('consume', 'reserve')), 0), 9000000000000000000)::bigint as amount
    from unnest(p_lines) as line
    where line.reason is null
    group by line.workspace_id, line.metric
    order by line.workspace_id, line.metric
  loop
    if _wanted.is_locked then
      perform usage.gate_lock(_wanted.workspace_id, _wanted.metric, _wanted.is_written);
      perform usage.gate_headroom(_wanted.workspace_id, _wanted.metric, _wanted.amount, p_wait);
    end if;
    select
      _wanted.workspace_id,
      metrics.key,
      metrics.kind,
      present.period_start,
      present.period_end,
      bound.limit_value,
      bound.included,
      bound.enforcement,
      bound.source,
      coalesce(counters.used, 0),
      reserved.amount,
      bound.cap_value - coalesce(counters.used, 0) - reserved.amount
        - case when _wanted.is_locked then coalesce(counters.headroom, 0) else 0 end,
      0::bigint,
      null::uuid
    into _counter
    from usage.metrics
    cross join lateral usage.period(_wanted.workspace_id) as present
    cross join lateral billing.limit_of(_wanted.workspace_id, _wanted.metric) as bound
    cross join lateral (
      select usage.reserved_amount(_wanted.workspace_id, _wanted.metric) as amount
    ) as reserved
    left join usage.counter_totals as counters
      on counters.workspace_id = _wanted.workspace_id
      and counters.metric = metrics.key
      and counters.period_start = case metrics.kind when 'gauge' then '-infinity' else present.period_start end
    where metrics.key = _wanted.metric;
    _counters := _counters || _counter;
  end loop;
  return _counters || usage.gate_open_members(p_lines);
end
$$;

comment on function usage.gate_lock_counters(usage.gate_line[], boolean) is 'Locks the counters that the lines need, in key order, and returns each with its limit and what is used, reserved and free; behind them the counters of members. A counter that is only checked is read without a lock. With p_wait false it raises HU002 instead of waiting for a shard in use. A step of usage.gate_many.';

revoke execute on function usage.gate_lock_counters(usage.gate_line[], boolean) from public;
