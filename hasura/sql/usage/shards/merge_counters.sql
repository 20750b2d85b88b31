create or replace function usage.merge_counters()
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  _counter record;
  _cooled integer := 0;
begin
  for _counter in
    select c.workspace_id, c.metric, c.period_start
    from usage.counters c
    where c.shards > 0
      or c.granted > 0
    order by c.workspace_id, c.metric, c.period_start
  loop
    perform 1
    from usage.counters c
    where c.workspace_id = _counter.workspace_id
      and c.metric = _counter.metric
      and c.period_start = _counter.period_start
    for no key update skip locked;
    -- Whoever has it in hand shows that it is in use, and looks at its heat.
    continue when not found;

    if _counter.period_start = (
      select p.period_start
      from usage.period(_counter.workspace_id) p
    )
    then
      perform usage.add_beyond_headroom(_counter.workspace_id, _counter.metric, 0);
    else
      perform usage.collect_shards(_counter.workspace_id, _counter.metric, _counter.period_start, false);
      update usage.counters c
      set shards = 0
      where c.workspace_id = _counter.workspace_id
        and c.metric = _counter.metric
        and c.period_start = _counter.period_start;
    end if;

    perform 1
    from usage.counters c
    where c.workspace_id = _counter.workspace_id
      and c.metric = _counter.metric
      and c.period_start = _counter.period_start
      and c.shards = 0;
    _cooled := _cooled + found::integer;
  end loop;
  return _cooled;
end
$$;

comment on function usage.merge_counters() is 'Folds hot counters that nobody hurries any more, or whose period is over, into one row; returns how many. No figure depends on it.';

revoke execute on function usage.merge_counters() from public;
