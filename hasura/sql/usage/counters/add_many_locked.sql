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
  _taken integer[];
  _rest record;
begin
  perform usage.lock_counters(p_workspaces, p_metrics, p_amounts);
  _taken := usage.add_within_headroom(p_workspaces, p_metrics, p_amounts);
  for _rest in
    select k.workspace_id, k.metric, k.amount, present.period_start, present.shards
    from unnest(p_workspaces, p_metrics, p_amounts) with ordinality as k (workspace_id, metric, amount, n)
    left join unnest(_taken) as taken (n) on taken.n = k.n
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
    order by k.n
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

comment on function usage.add_many_locked(uuid[], text[], bigint[], boolean) is 'Adds to all counters with the locks of all taken first, in order. HU002 where it would wait for shards, if told not to';

revoke execute on function usage.add_many_locked(uuid[], text[], bigint[], boolean) from public;
