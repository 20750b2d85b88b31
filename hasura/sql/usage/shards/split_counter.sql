create or replace function usage.split_counter(
  p_workspace_id uuid,
  p_metric text,
  p_shards integer default 16
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_shards not between 0 and 64 then
    raise exception using
      errcode = '22023',
      message = 'a counter has 0 to 64 shards';
  end if;
  perform 1
  from usage.metrics as metric
  where metric.key = p_metric
    and metric.kind = 'counter'
    and metric.feed = 'rows';
  if not found then
    raise exception using
      errcode = '22023',
      message = format('"%s" is no counter that rows feed: a gauge''s peak and the gate''s decisions need one row', p_metric);
  end if;
  perform usage.add_beyond_headroom(p_workspace_id, p_metric, 0, true, p_shards::smallint);
  -- Its rate of use is measured from now on, so that it stays split until its first writers come.
  update usage.counters as counter
  set
    measured_at = clock_timestamp(),
    measured_used = total.used
  from usage.counter_totals as total
  where counter.workspace_id = p_workspace_id
    and counter.metric = p_metric
    and counter.shards > 0
    and total.workspace_id = counter.workspace_id
    and total.metric = counter.metric
    and total.period_start = counter.period_start
    and counter.period_start = (
      select present.period_start
      from usage.period(p_workspace_id) as present
    );
end
$$;

comment on function usage.split_counter(uuid, text, integer) is 'Splits a counter of the present period into p_shards shards now, 0 to 64, instead of after contention; 0 merges it. Splits only while the headroom gives each shard enough units. Raises 22023 for another number and for a metric that is a gauge or that the gate feeds. For operators, before a burst of writes is expected';

revoke execute on function usage.split_counter(uuid, text, integer) from public;
