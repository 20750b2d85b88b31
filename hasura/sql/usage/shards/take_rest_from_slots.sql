create or replace function usage.take_rest_from_slots(
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
    select k.workspace_id, k.metric, k.amount, present.period_start, coalesce(present.slots, 0::smallint) as slots
    from unnest(p_workspaces, p_metrics, p_amounts) with ordinality as k (workspace_id, metric, amount, n)
    left join unnest(p_taken) as taken (n) on taken.n = k.n
    left join lateral (
      select c.period_start, c.slots
      from usage.counters c
      where c.workspace_id = k.workspace_id
        and c.metric = k.metric
        and c.period_start <= now()
      order by c.period_start desc
      limit 1
    ) as present on true
    where taken.n is null
    order by coalesce(present.slots, 0) > 0, k.n
  loop
    if _hot.slots = 0
      or _hot.amount <= 0
      or not usage.take_from_slots(_hot.workspace_id, _hot.metric, _hot.period_start, _hot.slots, _hot.amount)
    then
      return false;
    end if;
  end loop;
  return true;
end
$$;

comment on function usage.take_rest_from_slots(uuid[], text[], bigint[], integer[]) is 'Adds the keys that usage.take_many did not take to slots, which nobody waits for, so that the order does not matter; false as soon as one has none with room';

revoke execute on function usage.take_rest_from_slots(uuid[], text[], bigint[], integer[]) from public;
