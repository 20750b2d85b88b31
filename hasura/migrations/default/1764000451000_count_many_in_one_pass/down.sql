alter table usage.counters set (fillfactor = 50);

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
  with taken as (
    update usage.counters c
    set
      used = c.used + k.amount,
      room = c.room - k.amount,
      updated_at = now()
    from (
      select k.workspace_id, k.metric, k.amount, k.n, present.period_start
      from unnest(p_workspaces, p_metrics, p_amounts) with ordinality as k (workspace_id, metric, amount, n)
      cross join lateral (
        select p.period_start
        from usage.counters p
        where p.workspace_id = k.workspace_id
          and p.metric = k.metric
          and p.period_start <= now()
        order by p.period_start desc
        limit 1
      ) as present
      order by k.n
      offset 0
    ) k
    where c.workspace_id = k.workspace_id
      and c.metric = k.metric
      and c.period_start = k.period_start
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

create or replace function usage.add_many(p_workspaces uuid[], p_metrics text[], p_amounts bigint[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  _count constant integer := cardinality(p_workspaces);
  _taken integer[];
begin
  -- What is locked on the way to a counter without room must not be waited for by others who came another way: the
  -- attempt is given up with its locks, and all are taken again in order before anything is counted.
  begin
    if cardinality(usage.take_many(p_workspaces, p_metrics, p_amounts)) <> _count then
      raise exception using errcode = 'HU001';
    end if;
    return;
  exception when sqlstate 'HU001' then
    null;
  end;

  perform usage.lock_many(p_workspaces, p_metrics, p_amounts);
  _taken := usage.take_many(p_workspaces, p_metrics, p_amounts);
  for _n in 1.._count loop
    if _n <> all (_taken) then
      perform usage.take_slowly(p_workspaces[_n], p_metrics[_n], p_amounts[_n]);
    end if;
  end loop;
end
$$;

drop function usage.take_rest_from_slots(uuid[], text[], bigint[], integer[]);
