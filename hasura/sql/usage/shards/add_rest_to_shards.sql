create or replace function usage.add_rest_to_shards(
  p_workspaces uuid[],
  p_metrics text[],
  p_amounts bigint[],
  p_taken integer[]
)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _hot record;
begin
  for _hot in
    select k.workspace_id, k.metric, k.amount, present.period_start, coalesce(present.shards, 0::smallint) as shards
    from unnest(p_workspaces, p_metrics, p_amounts) with ordinality as k (workspace_id, metric, amount, n)
    left join unnest(p_taken) as taken (n) on taken.n = k.n
    left join lateral (
      select c.period_start, c.shards
      from usage.counters c
      where c.workspace_id = k.workspace_id
        and c.metric = k.metric
        and c.period_start <= now()
      order by c.period_start desc
      limit 1
    ) as present on true
    where taken.n is null
    order by coalesce(present.shards, 0) > 0, k.n
  loop
    if _hot.shards = 0
      or _hot.amount <= 0
      or not usage.add_to_shard(_hot.workspace_id, _hot.metric, _hot.period_start, _hot.shards, _hot.amount)
    then
      return false;
    end if;
  end loop;
  return true;
end
$$;

comment on function usage.add_rest_to_shards(uuid[], text[], bigint[], integer[]) is 'Adds the keys that usage.add_within_headroom did not take to shards, which nobody waits for, so that the order does not matter; false as soon as one has none with headroom';

revoke execute on function usage.add_rest_to_shards(uuid[], text[], bigint[], integer[]) from public;
