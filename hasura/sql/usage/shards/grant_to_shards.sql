create or replace function usage.grant_to_shards(
  p_workspace_id uuid,
  p_metric text,
  p_period_start timestamptz,
  p_shards smallint,
  p_only smallint,
  p_share bigint,
  p_until timestamptz
)
returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _shards smallint[];
  _headroom bigint;
begin
  select
    array_agg(unlocked.shard),
    sum(unlocked.headroom)::bigint
  into _shards, _headroom
  from (
    select shard.shard, shard.headroom
    from usage.counter_shards as shard
    where shard.workspace_id = p_workspace_id
      and shard.metric = p_metric
      and shard.period_start = p_period_start
      and shard.shard < p_shards
      and (p_only is null or shard.shard = p_only)
    order by shard.shard
    for no key update skip locked
  ) as unlocked;
  if _shards is null then
    return bigint '0';
  end if;
  update usage.counter_shards as shard
  set
    headroom = p_share,
    headroom_until = p_until
  where shard.workspace_id = p_workspace_id
    and shard.metric = p_metric
    and shard.period_start = p_period_start
    and shard.shard = any (_shards);
  return p_share * cardinality(_shards) - _headroom;
end
$$;

comment on function usage.grant_to_shards(uuid, text, timestamptz, smallint, smallint, bigint, timestamptz) is 'Sets the headroom of the first p_shards shards of a counter, or of the shard p_only, to p_share units until p_until, except those that other transactions have locked; returns by how many units the headroom of all grew. The caller holds the lock of the counter''s row and adds that to its granted. Called by usage.grant_headroom';

revoke execute on function usage.grant_to_shards(uuid, text, timestamptz, smallint, smallint, bigint, timestamptz) from public;
