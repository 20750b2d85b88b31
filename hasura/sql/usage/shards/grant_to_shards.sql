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
    array_agg(l.shard),
    sum(l.headroom)
  into _shards, _headroom
  from (
    select s.shard, s.headroom
    from usage.counter_shards s
    where s.workspace_id = p_workspace_id
      and s.metric = p_metric
      and s.period_start = p_period_start
      and s.shard < p_shards
      and (p_only is null or s.shard = p_only)
    order by s.shard
    for no key update skip locked
  ) l;
  if _shards is null then
    return 0;
  end if;
  update usage.counter_shards s
  set
    headroom = p_share,
    headroom_until = p_until
  where s.workspace_id = p_workspace_id
    and s.metric = p_metric
    and s.period_start = p_period_start
    and s.shard = any (_shards);
  return p_share * cardinality(_shards) - _headroom;
end
$$;

comment on function usage.grant_to_shards(uuid, text, timestamptz, smallint, smallint, bigint, timestamptz) is 'Fills all shards, or one, as far as nobody has them in hand, and returns by how much their headroom grew';

revoke execute on function usage.grant_to_shards(uuid, text, timestamptz, smallint, smallint, bigint, timestamptz) from public;
