create or replace function usage.void_all_headroom(
  p_workspace_id uuid,
  p_metric text,
  p_period_start timestamptz,
  p_wait boolean
)
returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  update usage.counters as counter
  set
    headroom = 0,
    headroom_until = '-infinity',
    alert_due = '-infinity'
  where counter.workspace_id = p_workspace_id
    and counter.metric = p_metric
    and counter.period_start = p_period_start;
  perform usage.collect_busy_shards(p_workspace_id, p_metric, p_period_start, p_wait);
  return (
    select counter.used + counter.granted
    from usage.counters as counter
    where counter.workspace_id = p_workspace_id
      and counter.metric = p_metric
      and counter.period_start = p_period_start
  );
end
$$;

comment on function usage.void_all_headroom(uuid, text, timestamptz, boolean) is 'Locks the row of a counter, voids the headroom on it and on all its shards, and returns the use; null where there is no such counter. p_wait false raises HU002 instead of waiting for a shard in use. Called by usage.recall_headroom';

revoke execute on function usage.void_all_headroom(uuid, text, timestamptz, boolean) from public;
