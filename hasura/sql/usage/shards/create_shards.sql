create or replace function usage.create_shards(
  p_workspace_id uuid,
  p_metric text,
  p_period_start timestamptz,
  p_shards smallint
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into usage.counter_shards (workspace_id, metric, period_start, shard)
  select p_workspace_id, p_metric, p_period_start, series.shard
  from generate_series(0, p_shards - 1) as series (shard)
  -- "on conflict" would wait for a shard in use. The lock of the counter's row already keeps other inserts out.
  where not exists (
    select
    from usage.counter_shards as present
    where present.workspace_id = p_workspace_id
      and present.metric = p_metric
      and present.period_start = p_period_start
      and present.shard = series.shard
  );
end
$$;

comment on function usage.create_shards(uuid, text, timestamptz, smallint) is 'Creates the missing ones of a counter''s first p_shards shards, without headroom. Called by usage.grant_headroom under the lock of the counter''s row';

revoke execute on function usage.create_shards(uuid, text, timestamptz, smallint) from public;
