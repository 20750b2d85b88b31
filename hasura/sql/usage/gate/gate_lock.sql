create or replace function usage.gate_lock(p_workspace_id uuid, p_metric text, p_written boolean)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _is_counter boolean;
  _period_start timestamptz := '-infinity'::timestamptz;
begin
  -- Deleting a workspace locks the workspace before its counters, so this does too. Later inserts would take the same
  -- lock through their foreign keys, but after the counter.
  perform 1
  from public.workspaces
  where id = p_workspace_id
  for key share;

  select kind = 'counter'
  into _is_counter
  from usage.metrics
  where key = p_metric;
  -- As in usage.add, the first use in a period and a change of the anchor see each other.
  if _is_counter then
    select period.period_start
    into _period_start
    from usage.period(p_workspace_id) as period;
  end if;

  perform 1
  from usage.counters
  where workspace_id = p_workspace_id
    and metric = p_metric
    and period_start = _period_start
  for no key update;
  if found and not p_written then
    return;
  end if;

  -- A metric outside the plan is refused whatever its use is: it needs neither a lock nor a row.
  perform 1
  from billing.limit_of(p_workspace_id, p_metric) as bound
  where bound.included;
  if found then
    perform usage.lock_counter(p_workspace_id, p_metric, _period_start);
  end if;
end
$$;

comment on function usage.gate_lock(uuid, text, boolean) is 'Locks the counter of the present period, and its workspace before it. All decisions about a workspace and metric queue for this lock. With p_written true it also writes the row, as usage.lock_counter does: a decision that changes no counter, as a reserve, needs that to make writers with an older snapshot fail. Steps of usage.gate_many and usage.draw_lease call it.';

revoke execute on function usage.gate_lock(uuid, text, boolean) from public;
