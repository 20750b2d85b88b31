create or replace function usage.add_to_past(
  p_counter usage.gate_counter,
  p_is_present boolean,
  p_delta bigint
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_delta = 0 then
    return;
  end if;
  if p_is_present and p_delta > 0 then
    perform usage.add(p_counter.workspace_id, p_counter.metric, p_delta, false);
    return;
  end if;
  -- Its marks of alerts are looked for anew with the next addition.
  update usage.counters
  set used = used + p_delta,
    alert_due = '-infinity',
    updated_at = now()
  where workspace_id = p_counter.workspace_id
    and metric = p_counter.metric
    and period_start = p_counter.period_start;
  insert into usage.counter_log (workspace_id, metric, period_start, amount)
  values (p_counter.workspace_id, p_counter.metric, p_counter.period_start, p_delta);
  -- An alert tells of the period that runs; nobody can act on one that is over.
  if p_is_present then
    perform usage.note_level(p_counter.workspace_id, p_counter.metric, p_counter.period_start, p_counter.used + p_delta);
  end if;
end
$$;

comment on function usage.add_to_past(usage.gate_counter, boolean, bigint) is 'Adds to the counter that usage.open_past_counter has locked; what falls is noted as a recovery.';

revoke execute on function usage.add_to_past(usage.gate_counter, boolean, bigint) from public;
