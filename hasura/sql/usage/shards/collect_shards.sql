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
    from usage.counter_shards s
    where s.workspace_id = p_workspace_id
      and s.metric = p_metric
      and s.period_start = p_period_start
      and s.headroom > 0
    order by s.shard
    for no key update;
  end if;

  select
    array_agg(l.shard),
    coalesce(sum(l.used), 0),
    coalesce(sum(l.headroom), 0)
  into _shards, _used, _headroom
  from (
    select s.shard, s.used, s.headroom
    from usage.counter_shards s
    where s.workspace_id = p_workspace_id
      and s.metric = p_metric
      and s.period_start = p_period_start
      and (s.used > 0 or s.headroom > 0)
    order by s.shard
    for no key update skip locked
  ) l;
  if _shards is null then
    return;
  end if;

  update usage.counter_shards s
  set
    used = 0,
    headroom = 0,
    headroom_until = '-infinity'
  where s.workspace_id = p_workspace_id
    and s.metric = p_metric
    and s.period_start = p_period_start
    and s.shard = any (_shards);
  update usage.counters c
  set
    used = c.used + _used,
    granted = c.granted - _used - _headroom
  where c.workspace_id = p_workspace_id
    and c.metric = p_metric
    and c.period_start = p_period_start;
end
$$;

comment on function usage.collect_shards(uuid, text, timestamptz, boolean) is 'Brings back what shards have counted and not used, for the holder of the counter''s lock; waits for shards that a transaction has in hand, or leaves them out';

revoke execute on function usage.collect_shards(uuid, text, timestamptz, boolean) from public;
