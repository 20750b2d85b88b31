create or replace function usage.collect_busy_shards(
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
  _busy smallint;
begin
  perform usage.collect_shards(p_workspace_id, p_metric, p_period_start, p_wait);
  if p_wait then
    return;
  end if;
  select min(shard.shard)
  into _busy
  from usage.counter_shards as shard
  where shard.workspace_id = p_workspace_id
    and shard.metric = p_metric
    and shard.period_start = p_period_start
    and shard.headroom > 0;
  if _busy is not null then
    raise exception using
      errcode = 'HU002',
      message = 'a shard is in use',
      detail = json_build_object(
        'workspaceId', p_workspace_id, 'metric', p_metric, 'periodStart', p_period_start, 'shard', _busy
      )::text;
  end if;
end
$$;

comment on function usage.collect_busy_shards(uuid, text, timestamptz, boolean) is 'Collects all shards of a counter, as usage.collect_shards does, and leaves none with headroom. p_wait true waits for those in use; false raises HU002 when one is, with that shard as JSON in DETAIL: the caller rolls back its attempt and calls usage.await_shard. Called by usage.add_locked, usage.headroom_below and usage.void_all_headroom';

revoke execute on function usage.collect_busy_shards(uuid, text, timestamptz, boolean) from public;
