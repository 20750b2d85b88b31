create or replace function usage.add_to_shard(
  p_workspace_id uuid,
  p_metric text,
  p_period_start timestamptz,
  p_shards smallint,
  p_amount bigint
)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  -- In a variable: within a statement it would be computed for every row.
  _own constant smallint := pg_backend_pid() % p_shards;
  _shard smallint;
begin
  -- No wait, not even for the own shard: a transaction that took from another one may be waited for by its holder.
  with free as (
    select s.shard
    from usage.counter_shards s
    where s.workspace_id = p_workspace_id
      and s.metric = p_metric
      and s.period_start = p_period_start
      and s.shard = _own
      and s.headroom >= p_amount
      and s.headroom_until > now()
    for no key update skip locked
  ),
  taken as (
    update usage.counter_shards s
    set
      used = s.used + p_amount,
      headroom = s.headroom - p_amount,
      updated_at = now()
    from free f
    where s.workspace_id = p_workspace_id
      and s.metric = p_metric
      and s.period_start = p_period_start
      and s.shard = f.shard
    returning s.shard
  ),
  noted as (
    insert into usage.counter_log (workspace_id, metric, period_start, amount)
    select p_workspace_id, p_metric, p_period_start, p_amount
    from taken
  )
  select t.shard
  into _shard
  from taken t;
  if found then
    return true;
  end if;

  -- Without headroom by the clock or by a change of limits: its holder gets it new headroom under the counter's row.
  perform 1
  from usage.counter_shards s
  where s.workspace_id = p_workspace_id
    and s.metric = p_metric
    and s.period_start = p_period_start
    and s.shard = _own
    and s.headroom_until <= now()
  for no key update skip locked;
  if found then
    return false;
  end if;

  with free as (
    select s.shard
    from usage.counter_shards s
    where s.workspace_id = p_workspace_id
      and s.metric = p_metric
      and s.period_start = p_period_start
      and s.headroom >= p_amount
      and s.headroom_until > now()
    order by s.shard
    limit 1
    for no key update skip locked
  ),
  taken as (
    update usage.counter_shards s
    set
      used = s.used + p_amount,
      headroom = s.headroom - p_amount,
      updated_at = now()
    from free f
    where s.workspace_id = p_workspace_id
      and s.metric = p_metric
      and s.period_start = p_period_start
      and s.shard = f.shard
    returning s.shard
  ),
  noted as (
    insert into usage.counter_log (workspace_id, metric, period_start, amount)
    select p_workspace_id, p_metric, p_period_start, p_amount
    from taken
  )
  select t.shard
  into _shard
  from taken t;
  return found;
end
$$;

comment on function usage.add_to_shard(uuid, text, timestamptz, smallint, bigint) is 'Adds to the shard of this connection or to any other that has headroom and is in nobody''s hand';

revoke execute on function usage.add_to_shard(uuid, text, timestamptz, smallint, bigint) from public;
