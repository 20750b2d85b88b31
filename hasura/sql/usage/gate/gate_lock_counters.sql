create or replace function usage.gate_lock_counters(p_lines usage.gate_line[], p_wait boolean)
returns usage.gate_counter[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_counters usage.gate_counter[] := '{}';
  v_counter usage.gate_counter;
  v_wanted record;
begin
  -- In key order: first the lock, then, in a statement of its own, what it protects.
  for v_wanted in
    select
      line.workspace_id,
      line.metric,
      bool_or(line.op <> 'check') as is_locked,
      bool_or(line.op in ('reserve', 'extend')) as is_written,
      least(coalesce(sum(line.amount::numeric) filter (where line.op in ('consume', 'reserve')), 0), 9000000000000000000)::bigint as asked
    from unnest(p_lines) as line
    where line.reason is null
    group by line.workspace_id, line.metric
    order by line.workspace_id, line.metric
  loop
    if v_wanted.is_locked then
      perform usage.gate_lock(v_wanted.workspace_id, v_wanted.metric, v_wanted.is_written);
      perform usage.gate_headroom(v_wanted.workspace_id, v_wanted.metric, v_wanted.asked, p_wait);
    end if;
    select
      v_wanted.workspace_id,
      metrics.key,
      metrics.kind,
      present.period_start,
      present.period_end,
      applying.limit_value,
      applying.included,
      applying.enforcement,
      applying.source,
      coalesce(counters.used, 0),
      held.amount,
      applying.cap_value - coalesce(counters.used, 0) - held.amount
        - case when v_wanted.is_locked then coalesce(counters.headroom, 0) else 0 end,
      0
    into v_counter
    from usage.metrics
    cross join lateral usage.period(v_wanted.workspace_id) as present
    cross join lateral billing.limit_of(v_wanted.workspace_id, v_wanted.metric) as applying
    cross join lateral (
      select usage.reserved_amount(v_wanted.workspace_id, v_wanted.metric) as amount
    ) as held
    left join usage.counter_totals as counters
      on counters.workspace_id = v_wanted.workspace_id
      and counters.metric = metrics.key
      and counters.period_start = case metrics.kind when 'gauge' then '-infinity' else present.period_start end
    where metrics.key = v_wanted.metric;
    v_counters := v_counters || v_counter;
  end loop;
  return v_counters || usage.gate_open_members(p_lines);
end
$$;

comment on function usage.gate_lock_counters(usage.gate_line[], boolean) is 'The counters that an array of requests needs, locked in key order, with what is used, held and free. HU002 where it would wait for shards in use, if told not to';

revoke execute on function usage.gate_lock_counters(usage.gate_line[], boolean) from public;
