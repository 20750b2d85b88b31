create or replace function usage.await_shard(p_busy jsonb)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform 1
  from usage.counter_shards s
  where s.workspace_id = (p_busy ->> 'workspaceId')::uuid
    and s.metric = p_busy ->> 'metric'
    and s.period_start = (p_busy ->> 'periodStart')::timestamptz
    and s.shard = (p_busy ->> 'shard')::smallint
  for no key update;
  raise exception using errcode = 'HU001';
exception when sqlstate 'HU001' then
  null;
end
$$;

comment on function usage.await_shard(jsonb) is 'Waits for the shard in the detail of HU002 and lets go of it';

revoke execute on function usage.await_shard(jsonb) from public;
