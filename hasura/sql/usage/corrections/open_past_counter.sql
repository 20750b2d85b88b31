create or replace function usage.open_past_counter(p_workspace_id uuid, p_metric text, p_at timestamptz)
returns usage.gate_counter
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _counter usage.gate_counter;
  _late_hours integer;
  _is_present boolean;
begin
  -- The workspace before its counters, as deleting it locks them.
  perform 1
  from public.workspaces
  where workspaces.id = p_workspace_id
  for key share;

  select past.period_start, past.period_end, metrics.late_hours
  into _counter.period_start, _counter.period_end, _late_hours
  from usage.metrics
  cross join lateral usage.period(p_workspace_id, p_at) as past
  where metrics.key = p_metric;

  _counter.workspace_id := p_workspace_id;
  _counter.metric := p_metric;
  _counter.kind := 'counter';
  _counter.delta := 0;
  if now() >= _counter.period_end + make_interval(hours => _late_hours) then
    return _counter;
  end if;
  _is_present := now() < _counter.period_end;
  _counter.used := usage.lock_counter(p_workspace_id, p_metric, _counter.period_start);
  -- Reservations count against the present period; a past one has only what happened in it.
  _counter.reserved := case when _is_present then usage.reserved_amount(p_workspace_id, p_metric) else 0 end;

  select
    bound.limit_value,
    bound.included,
    bound.enforcement,
    bound.source,
    bound.cap_value - _counter.used - _counter.reserved
  into _counter.limit_value, _counter.included, _counter.enforcement, _counter.source, _counter.free
  from billing.limit_of(p_workspace_id, p_metric, case when _is_present then now() else p_at end) as bound;
  return _counter;
end
$$;

comment on function usage.open_past_counter(uuid, text, timestamptz) is 'Locks the workspace, then the counter of the period that the moment is in, and returns it with the limit of that moment. used is null where the period is closed, late_hours of the metric after its end: then nothing is locked but the workspace. Called by usage.gate_late and usage.correct.';

revoke execute on function usage.open_past_counter(uuid, text, timestamptz) from public;
