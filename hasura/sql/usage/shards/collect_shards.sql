create or replace function usage.collect_shards(
  p_workspace_id uuid,
  p_metric text,
  p_period_start timestamptz,
  p_wait boolean
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _shards smallint[];
  _used bigint;
  _headroom bigint;
begin
  if p_wait then
    perform 1
    from usage.counter_shards as shard
    where shard.workspace_id = p_workspace_id
      and shard.metric = p_metric
      and shard.period_start = p_period_start
      and shard.headroom > 0
    order by shard.shard
    for no key update;
  end if;

  select
    array_agg(unlocked.shard),
    coalesce(sum(unlocked.used), 0)::bigint,
    coalesce(sum(unlocked.headroom), 0)::bigint
  into _shards, _used, _headroom
  from (
    select shard.shard, shard.used, shard.headroom
    from usage.counter_shards as shard
    where shard.workspace_id = p_workspace_id
      and shard.metric = p_metric
      and shard.period_start = p_period_start
      and (shard.used > 0 or shard.headroom > 0)
    order by shard.shard
    for no key update skip locked
  ) as unlocked;
  if _shards is null then
    return;
  end if;

  update usage.counter_shards as shard
  set
    used = 0,
    headroom = 0,
    headroom_until = '-infinity'
  where shard.workspace_id = p_workspace_id
    and shard.metric = p_metric
    and shard.period_start = p_period_start
    and shard.shard = any (_shards);
  update usage.counters as counter
  set
    used = counter.used + _used,
    granted = counter.granted - _used - _headroom
  where counter.workspace_id = p_workspace_id
    and counter.metric = p_metric
    and counter.period_start = p_period_start;
end
$$;

comment on function usage.collect_shards(uuid, text, timestamptz, boolean) is 'Moves the use of a counter''s shards to its row and takes their headroom back. p_wait true waits for shards with headroom that other transactions have locked; false leaves them out. The caller holds the lock of the counter''s row. Called by usage.grant_headroom, usage.merge_counters, usage.headroom_below and usage.collect_busy_shards';

revoke execute on function usage.collect_shards(uuid, text, timestamptz, boolean) from public;
