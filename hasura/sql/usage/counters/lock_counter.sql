create or replace function usage.lock_counter(p_workspace_id uuid, p_metric text, p_period_start timestamptz)
returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _used bigint;
begin
  -- A written row version, not just a lock: a repeatable-read writer that did not see what is decided under this lock then
  -- fails with a serialization error instead of passing the limit.
  insert into usage.counters (workspace_id, metric, period_start, used)
  values (p_workspace_id, p_metric, p_period_start, 0)
  on conflict on constraint counters_pkey do update
    set
      headroom = 0,
      headroom_until = '-infinity';
  select total.used
  into _used
  from usage.counter_totals as total
  where total.workspace_id = p_workspace_id
    and total.metric = p_metric
    and total.period_start = p_period_start;
  return _used;
end
$$;

comment on function usage.lock_counter(uuid, text, timestamptz) is 'Locks the row of one counter until the transaction ends, creates it at 0 where it is missing, voids the headroom on it and returns the use, shards included. Callers that lock several take them in the order of workspace and metric. Called by usage.add_locked, the gate, alerts, corrections and the triggers of members';

revoke execute on function usage.lock_counter(uuid, text, timestamptz) from public;
