create or replace function usage.add_rest_to_shards(
  p_workspaces uuid[],
  p_metrics text[],
  p_amounts bigint[],
  p_added integer[]
)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _rest record;
begin
  -- Unsharded counters come first: the first of them ends the attempt before any shard is locked. The order of the sharded
  -- ones does not matter, because usage.add_to_shard waits for no lock.
  for _rest in
    select
      addition.workspace_id,
      addition.metric,
      addition.amount,
      present.period_start,
      coalesce(present.shards, 0::smallint) as shards
    from unnest(p_workspaces, p_metrics, p_amounts) with ordinality as addition (workspace_id, metric, amount, position)
    left join unnest(p_added) as added (position) on added.position = addition.position
    left join lateral (
      select counter.period_start, counter.shards
      from usage.counters as counter
      where counter.workspace_id = addition.workspace_id
        and counter.metric = addition.metric
        and counter.period_start <= now()
      order by counter.period_start desc
      limit 1
    ) as present on true
    where added.position is null
    order by coalesce(present.shards, 0) > 0, addition.position
  loop
    if _rest.shards = 0
      or _rest.amount <= 0
      or not usage.add_to_shard(_rest.workspace_id, _rest.metric, _rest.period_start, _rest.shards, _rest.amount)
    then
      return false;
    end if;
  end loop;
  return true;
end
$$;

comment on function usage.add_rest_to_shards(uuid[], text[], bigint[], integer[]) is 'Adds to shards the additions whose positions are not in p_added, and returns true; returns false at the first one that no unlocked shard has the headroom for, so the caller must roll back. Waits for no lock. Called by usage.add_many';

revoke execute on function usage.add_rest_to_shards(uuid[], text[], bigint[], integer[]) from public;
