create or replace function usage.add_many_locked(
  p_workspaces uuid[],
  p_metrics text[],
  p_amounts bigint[],
  p_wait boolean
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _added integer[];
  _rest record;
begin
  perform usage.lock_counters(p_workspaces, p_metrics, p_amounts);
  _added := usage.add_within_headroom(p_workspaces, p_metrics, p_amounts);
  for _rest in
    select addition.workspace_id, addition.metric, addition.amount, present.period_start, present.shards
    from unnest(p_workspaces, p_metrics, p_amounts) with ordinality as addition (workspace_id, metric, amount, position)
    left join unnest(_added) as added (position) on added.position = addition.position
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
    order by addition.position
  loop
    if coalesce(_rest.shards, 0) = 0
      or _rest.amount <= 0
      or not usage.add_to_shard(_rest.workspace_id, _rest.metric, _rest.period_start, _rest.shards, _rest.amount)
    then
      perform usage.add_locked(_rest.workspace_id, _rest.metric, _rest.amount, true, null, p_wait);
    end if;
  end loop;
end
$$;

comment on function usage.add_many_locked(uuid[], text[], bigint[], boolean) is 'Adds as usage.add_many does, after it has locked the rows of all counters in key order. p_wait false raises HU002 instead of waiting for a shard in use. Called by usage.add_many';

revoke execute on function usage.add_many_locked(uuid[], text[], bigint[], boolean) from public;
