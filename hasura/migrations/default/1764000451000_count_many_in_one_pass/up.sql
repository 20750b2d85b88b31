-- Measured with 1,000 keys and 4 clients: the update met each counter as another client's commit had left it, and Postgres plans
-- and looks such a row up again, one by one; and one hot counter among the keys had the whole statement counted one by one.

create or replace function usage.take_many(p_workspaces uuid[], p_metrics text[], p_amounts bigint[])
returns integer[]
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
-- Rows are locked in the order in which the loop meets them; another join would meet them in its own.
set enable_hashjoin = off
set enable_mergejoin = off
set enable_seqscan = off
set enable_bitmapscan = off
as $$
declare
  _taken integer[];
begin
  -- Statements over the same counters wait for each other here, and the next statement sees what they left.
  perform 1
  from usage.counters c
  where c.workspace_id = p_workspaces[1]
    and c.metric = p_metrics[1]
    and c.period_start <= now()
    and c.room_until > now()
  for no key update;

  with taken as (
    update usage.counters c
    set
      used = c.used + k.amount,
      room = c.room - k.amount,
      updated_at = now()
    from (
      select k.workspace_id, k.metric, k.amount, k.n
      from unnest(p_workspaces, p_metrics, p_amounts) with ordinality as k (workspace_id, metric, amount, n)
      order by k.n
      offset 0
    ) k
    where c.workspace_id = k.workspace_id
      and c.metric = k.metric
      -- Only the present period has room, as room ends with its period and a change of periods takes it back.
      and c.period_start <= now()
      and c.room >= k.amount
      and c.room_from <= now()
      and c.room_until > now()
      and c.used + k.amount >= c.fall_at
    returning c.workspace_id, c.metric, c.period_start, c.used, k.amount, k.n
  ),
  noted as (
    insert into usage.counter_entries (workspace_id, metric, period_start, amount)
    select t.workspace_id, t.metric, t.period_start, t.amount
    from taken t
    where t.period_start > '-infinity'
  ),
  -- Whoever granted the room has noted a peak in this period.
  raised as (
    update usage.peaks k
    set peak = t.used
    from taken t
    where t.period_start = '-infinity'
      and t.amount > 0
      and k.workspace_id = t.workspace_id
      and k.metric = t.metric
      and k.period_start = (
        select p.period_start
        from usage.peaks p
        where p.workspace_id = t.workspace_id
          and p.metric = t.metric
          and p.period_start <= now()
        order by p.period_start desc
        limit 1
      )
      and k.peak < t.used
  )
  select coalesce(array_agg(t.n::integer), '{}')
  into _taken
  from taken t;
  return _taken;
end
$$;

create function usage.take_rest_from_slots(p_workspaces uuid[], p_metrics text[], p_amounts bigint[], p_taken integer[])
returns boolean
language plpgsql
volatile
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

create or replace function usage.add_many(p_workspaces uuid[], p_metrics text[], p_amounts bigint[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  _count constant integer := cardinality(p_workspaces);
  _taken integer[];
  _rest integer;
begin
  -- What is locked on the way to a counter without room must not be waited for by others who came another way: the
  -- attempt is given up with its locks, and all are taken again in order before anything is counted.
  begin
    _taken := usage.take_many(p_workspaces, p_metrics, p_amounts);
    if cardinality(_taken) <> _count
      and not usage.take_rest_from_slots(p_workspaces, p_metrics, p_amounts, _taken)
    then
      raise exception using errcode = 'HU001';
    end if;
    return;
  exception when sqlstate 'HU001' then
    null;
  end;

  perform usage.lock_many(p_workspaces, p_metrics, p_amounts);
  _taken := usage.take_many(p_workspaces, p_metrics, p_amounts);
  for _rest in
    select n
    from generate_series(1, _count) as n
    left join unnest(_taken) as taken (n) using (n)
    where taken.n is null
    order by n
  loop
    perform usage.take(p_workspaces[_rest], p_metrics[_rest], p_amounts[_rest]);
  end loop;
end
$$;

-- Statements of 1,000 keys from 4 clients: at half full a quarter of the updates found no place in their page, each wrote the index
-- as well, and the table grew to ten times its size. Insert of such statements, of the unmetered: 0.33 at 50, 0.53 at 20, 0.55 at 10.
alter table usage.counters set (fillfactor = 15);
