create or replace function usage.merge_counters()
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  _sharded record;
  _merged integer := 0;
begin
  for _sharded in
    select counter.workspace_id, counter.metric, counter.period_start
    from usage.counters as counter
    where counter.shards > 0
      or counter.granted > 0
    order by counter.workspace_id, counter.metric, counter.period_start
  loop
    perform 1
    from usage.counters as counter
    where counter.workspace_id = _sharded.workspace_id
      and counter.metric = _sharded.metric
      and counter.period_start = _sharded.period_start
    for no key update skip locked;
    -- The transaction that has the row is adding to it under the lock, and measures the rate of use itself.
    continue when not found;

    if _sharded.period_start = (
      select present.period_start
      from usage.period(_sharded.workspace_id) as present
    )
    then
      perform usage.add_beyond_headroom(_sharded.workspace_id, _sharded.metric, 0);
    else
      perform usage.collect_shards(_sharded.workspace_id, _sharded.metric, _sharded.period_start, false);
      update usage.counters as counter
      set shards = 0
      where counter.workspace_id = _sharded.workspace_id
        and counter.metric = _sharded.metric
        and counter.period_start = _sharded.period_start;
    end if;

    perform 1
    from usage.counters as counter
    where counter.workspace_id = _sharded.workspace_id
      and counter.metric = _sharded.metric
      and counter.period_start = _sharded.period_start
      and counter.shards = 0;
    _merged := _merged + found::integer;
  end loop;
  return _merged;
end
$$;

comment on function usage.merge_counters() is 'Merges the sharded counters whose rate of use has fallen, as usage.adapt_shards measures it, and those of past periods; returns how many it merged. Skips counters that another transaction has locked. Called every minute by the cron trigger usage_expire_reservations; no total depends on it';

revoke execute on function usage.merge_counters() from public;
