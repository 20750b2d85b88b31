create or replace function usage.add_to_past(p_counter usage.gate_counter, p_delta bigint)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _is_present constant boolean := now() < p_counter.period_end;
begin
  if p_delta = 0 then
    return;
  end if;
  if _is_present and p_delta > 0 then
    perform usage.add(p_counter.workspace_id, p_counter.metric, p_delta, false);
    return;
  end if;
  -- With alert_due in the past, the next addition computes the alert thresholds again.
  update usage.counters
  set used = used + p_delta,
    alert_due = '-infinity',
    updated_at = now()
  where workspace_id = p_counter.workspace_id
    and metric = p_counter.metric
    and period_start = p_counter.period_start;
  insert into usage.counter_log (workspace_id, metric, period_start, amount)
  values (p_counter.workspace_id, p_counter.metric, p_counter.period_start, p_delta);
  -- Alerts are about the present period only: nobody can act on one that is over.
  if _is_present then
    perform usage.note_level(p_counter.workspace_id, p_counter.metric, p_counter.period_start, p_counter.used + p_delta);
  end if;
end
$$;

comment on function usage.add_to_past(usage.gate_counter, bigint) is 'Adds an amount, which may be negative, to a counter that usage.open_past_counter has locked. In the present period it also writes the alerts and recoveries that follow. Called by usage.gate_late and usage.correct.';

revoke execute on function usage.add_to_past(usage.gate_counter, bigint) from public;
