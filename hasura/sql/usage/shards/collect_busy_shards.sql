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
  select min(s.shard)
  into _busy
  from usage.counter_shards s
  where s.workspace_id = p_workspace_id
    and s.metric = p_metric
    and s.period_start = p_period_start
    and s.headroom > 0;
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

comment on function usage.collect_busy_shards(uuid, text, timestamptz, boolean) is 'Brings all shards back: waits for those in use, or ends with HU002 and one of them in the detail, at which the caller lets go of its rows and waits without them';

revoke execute on function usage.collect_busy_shards(uuid, text, timestamptz, boolean) from public;
