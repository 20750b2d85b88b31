create or replace function usage.open_past_counter(
  p_workspace_id uuid,
  p_metric text,
  p_at timestamptz,
  out counter usage.gate_counter,
  out is_closed boolean,
  out is_present boolean
)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  -- The workspace before its counters, as its deletion takes them.
  perform 1
  from public.workspaces
  where workspaces.id = p_workspace_id
  for key share;

  select
    past.period_start,
    past.period_end,
    now() >= past.period_end + make_interval(hours => metrics.late_hours),
    now() < past.period_end
  into counter.period_start, counter.period_end, is_closed, is_present
  from usage.metrics
  cross join lateral usage.period(p_workspace_id, p_at) as past
  where metrics.key = p_metric;

  counter.workspace_id := p_workspace_id;
  counter.metric := p_metric;
  counter.kind := 'counter';
  counter.delta := 0;
  if is_closed then
    return;
  end if;
  counter.used := usage.lock_counter(p_workspace_id, p_metric, counter.period_start);
  -- What is held is held from the present period; a past one is charged with what happened in it.
  counter.held := case when is_present then usage.reserved_amount(p_workspace_id, p_metric) else 0 end;

  select
    bound.limit_value,
    bound.included,
    bound.enforcement,
    bound.source,
    bound.cap_value - counter.used - counter.held
  into counter.limit_value, counter.included, counter.enforcement, counter.source, counter.free
  from billing.limit_of(p_workspace_id, p_metric, case when is_present then now() else p_at end) as bound;
end
$$;

comment on function usage.open_past_counter(uuid, text, timestamptz) is 'Locks and reads the counter of the period of a moment, with the limit of that moment. A closed period is not locked.';

revoke execute on function usage.open_past_counter(uuid, text, timestamptz) from public;
