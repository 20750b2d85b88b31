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
  -- In a variable, because within a statement it would be computed for every row.
  _own constant smallint := (pg_backend_pid() % p_shards)::smallint;
  _shard smallint;
begin
  -- Skips a locked shard, even this connection's own: a transaction that has added to another shard may be what the holder
  -- of this one waits for.
  with unlocked as (
    select shard.shard
    from usage.counter_shards as shard
    where shard.workspace_id = p_workspace_id
      and shard.metric = p_metric
      and shard.period_start = p_period_start
      and shard.shard = _own
      and shard.headroom >= p_amount
      and shard.headroom_until > now()
    for no key update skip locked
  ),
  added as (
    update usage.counter_shards as shard
    set
      used = shard.used + p_amount,
      headroom = shard.headroom - p_amount,
      updated_at = now()
    from unlocked
    where shard.workspace_id = p_workspace_id
      and shard.metric = p_metric
      and shard.period_start = p_period_start
      and shard.shard = unlocked.shard
    returning shard.shard
  ),
  logged as (
    insert into usage.counter_log (workspace_id, metric, period_start, amount)
    select p_workspace_id, p_metric, p_period_start, p_amount
    from added
  )
  select added.shard
  into _shard
  from added;
  if _shard is not null then
    return true;
  end if;

  -- The own shard's headroom has ended by the clock or by a change of limits: the caller grants it again under the lock of
  -- the counter's row, so that this connection does not crowd another's shard.
  perform 1
  from usage.counter_shards as shard
  where shard.workspace_id = p_workspace_id
    and shard.metric = p_metric
    and shard.period_start = p_period_start
    and shard.shard = _own
    and shard.headroom_until <= now()
  for no key update skip locked;
  if found then
    return false;
  end if;

  with unlocked as (
    select shard.shard
    from usage.counter_shards as shard
    where shard.workspace_id = p_workspace_id
      and shard.metric = p_metric
      and shard.period_start = p_period_start
      and shard.headroom >= p_amount
      and shard.headroom_until > now()
    order by shard.shard
    limit 1
    for no key update skip locked
  ),
  added as (
    update usage.counter_shards as shard
    set
      used = shard.used + p_amount,
      headroom = shard.headroom - p_amount,
      updated_at = now()
    from unlocked
    where shard.workspace_id = p_workspace_id
      and shard.metric = p_metric
      and shard.period_start = p_period_start
      and shard.shard = unlocked.shard
    returning shard.shard
  ),
  logged as (
    insert into usage.counter_log (workspace_id, metric, period_start, amount)
    select p_workspace_id, p_metric, p_period_start, p_amount
    from added
  )
  select added.shard
  into _shard
  from added;
  return _shard is not null;
end
$$;

comment on function usage.add_to_shard(uuid, text, timestamptz, smallint, bigint) is 'Adds an amount to the shard of this connection, or to any other one that has the headroom, and returns true; returns false where no unlocked shard has it, or where the own shard''s headroom has ended. Waits for no lock. Called by usage.add, usage.add_many_locked and usage.add_rest_to_shards; the insert triggers of meters contain its first statement';

revoke execute on function usage.add_to_shard(uuid, text, timestamptz, smallint, bigint) from public;
