create or replace function usage.recall_headroom(p_workspace_id uuid, p_metric text, p_period_start timestamptz)
returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _attempts constant integer := 7;
  _busy text;
begin
  -- Waiting for a shard with the row locked deadlocks with a transaction that holds the shard and comes for the row.
  -- Waiting for the row with shards locked deadlocks with one that holds the row and is short of their units. So each
  -- attempt ends with its locks before this waits for one shard.
  for _attempt in 1.._attempts loop
    begin
      return usage.void_all_headroom(p_workspace_id, p_metric, p_period_start, false);
    exception when sqlstate 'HU002' then
      get stacked diagnostics _busy = pg_exception_detail;
    end;
    if _attempt < _attempts then
      perform usage.await_shard(_busy::jsonb);
    end if;
  end loop;

  -- Writers that keep every shard busy would make this wait for ever. They have headroom, so they hardly ever come for the
  -- row: the shards may be locked before it.
  perform 1
  from usage.counter_shards as shard
  where shard.workspace_id = p_workspace_id
    and shard.metric = p_metric
    and shard.period_start = p_period_start
  order by shard.shard
  for no key update;
  return usage.void_all_headroom(p_workspace_id, p_metric, p_period_start, true);
end
$$;

comment on function usage.recall_headroom(uuid, text, timestamptz) is 'Voids the headroom of a counter and of all its shards, waiting for transactions that have used it, and returns the use; null where there is no such counter. Keeps the counter''s row locked until the transaction ends, so that later additions see what it changes. Called by usage.refresh_workspace_limits and usage.refresh_plan_limits when limits change, and by usage.reconcile';

revoke execute on function usage.recall_headroom(uuid, text, timestamptz) from public;
