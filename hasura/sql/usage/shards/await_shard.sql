create or replace function usage.await_shard(p_busy jsonb)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform 1
  from usage.counter_shards as shard
  where shard.workspace_id = (p_busy ->> 'workspaceId')::uuid
    and shard.metric = p_busy ->> 'metric'
    and shard.period_start = (p_busy ->> 'periodStart')::timestamptz
    and shard.shard = (p_busy ->> 'shard')::smallint
  for no key update;
  -- Ends the subtransaction of this block, and the lock with it.
  raise exception using errcode = 'HU001';
exception when sqlstate 'HU001' then
  null;
end
$$;

comment on function usage.await_shard(jsonb) is 'Waits until no transaction holds the shard that the detail of an HU002 names, and leaves it unlocked. Called by the routines that catch HU002, between two attempts';

revoke execute on function usage.await_shard(jsonb) from public;
