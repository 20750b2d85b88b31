create or replace function usage.gate_lock(p_workspace_id uuid, p_metric text, p_written boolean)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_is_counter boolean;
  v_period_start timestamptz := '-infinity';
begin
  -- The deletion of a workspace takes the workspace before its counters; the key share that writes below would take
  -- through their foreign keys has to come first too.
  perform 1
  from public.workspaces
  where id = p_workspace_id
  for key share;

  select kind = 'counter'
  into v_is_counter
  from usage.metrics
  where key = p_metric;
  -- As in usage.add: the first use of a period and a first anchor see each other.
  if v_is_counter then
    select period.period_start
    into v_period_start
    from usage.period(p_workspace_id) as period;
  end if;

  perform 1
  from usage.counters
  where workspace_id = p_workspace_id
    and metric = p_metric
    and period_start = v_period_start
  for no key update;
  if found and not p_written then
    return;
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

comment on function usage.gate_lock(uuid, text, boolean) is 'Takes the row lock of a counter, the one point at which decisions about a workspace and metric queue; written where the decision itself changes no counter, as a reservation does.';

revoke execute on function usage.gate_lock(uuid, text, boolean) from public;
