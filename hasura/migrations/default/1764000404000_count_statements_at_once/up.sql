create function usage.take_many(p_workspaces uuid[], p_metrics text[], p_amounts bigint[])
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

comment on function usage.take_many(uuid[], text[], bigint[]) is 'Adds to those of several counters, given in key order, that have the room, by one statement; returns which ones, as positions';

create function usage.add_many(p_workspaces uuid[], p_metrics text[], p_amounts bigint[])
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

comment on function usage.add_many(uuid[], text[], bigint[]) is 'Adds to several counters, given in key order; refuses like usage.add';

create function usage.lock_many(p_workspaces uuid[], p_metrics text[], p_amounts bigint[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  -- The first use of a period: an anchor that is set beside it waits here or is seen.
  perform 1
  from public.workspaces w
  where w.id in (
    select k.workspace_id
    from unnest(p_workspaces, p_metrics, p_amounts) as k (workspace_id, metric, amount)
    join usage.metrics m on m.key = k.metric
    cross join lateral usage.period(k.workspace_id) as present
    where k.amount > 0
      and not exists (
        select
        from usage.counters c
        where c.workspace_id = k.workspace_id
          and c.metric = k.metric
          and c.period_start = case m.kind when 'gauge' then '-infinity' else present.period_start end
      )
  )
  order by w.id
  for key share;

  insert into usage.counters (workspace_id, metric, period_start, used)
  select k.workspace_id, k.metric, case m.kind when 'gauge' then '-infinity' else present.period_start end, 0
  from unnest(p_workspaces, p_metrics, p_amounts) with ordinality as k (workspace_id, metric, amount, n)
  join usage.metrics m on m.key = k.metric
  cross join lateral usage.period(k.workspace_id) as present
  where k.amount > 0
    and not exists (
      select
      from usage.counters c
      where c.workspace_id = k.workspace_id
        and c.metric = k.metric
        and c.period_start = case m.kind when 'gauge' then '-infinity' else present.period_start end
    )
  order by k.n
  on conflict on constraint counters_pkey do nothing;

  perform 1
  from unnest(p_workspaces, p_metrics) with ordinality as k (workspace_id, metric, n)
  join usage.metrics m on m.key = k.metric
  cross join lateral usage.period(k.workspace_id) as present
  join usage.counters c
    on c.workspace_id = k.workspace_id
    and c.metric = k.metric
    and c.period_start = case m.kind when 'gauge' then '-infinity' else present.period_start end
  order by k.n
  for no key update of c;
end
$$;

comment on function usage.lock_many(uuid[], text[], bigint[]) is 'Takes the row locks of several counters, given in key order, creating at zero what is missing and will be added to';

-- One total a workspace and metric, in the order in which all locks on counters are taken.
create or replace function usage.meter_body(p_branches text)
returns text
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
  select $head$
declare
  _workspaces uuid[];
  _metrics text[];
  _amounts bigint[];
  _refused text;
begin
  select
    array_agg(t.workspace_id) filter (where t.workspace_id is not null),
    array_agg(t.metric) filter (where t.workspace_id is not null),
    array_agg(t.amount) filter (where t.workspace_id is not null),
    min(t.metric) filter (where t.refused)
  into _workspaces, _metrics, _amounts, _refused
  from (
    select
      u.workspace_id,
      u.metric,
      sum(u.amount)::bigint as amount,
      bool_or(u.refused) as refused
    from ($head$ || p_branches || $tail$
    ) u
    group by u.workspace_id, u.metric
    having sum(u.amount) <> 0 or bool_or(u.refused)
    order by u.workspace_id, u.metric
  ) t;
  if _refused is not null then
    raise exception using
      errcode = '23U02',
      message = format('a row of %s without a workspace or with a negative amount cannot be counted as %s', tg_table_name, _refused),
      detail = json_build_object('code', 'invalid-input', 'metric', _refused)::text;
  end if;
  case cardinality(_workspaces)
    when 1 then
      perform usage.take(_workspaces[1], _metrics[1], _amounts[1]);
    else
      if _workspaces is not null then
        perform usage.add_many(_workspaces, _metrics, _amounts);
      end if;
  end case;
  return null;
end
$tail$
$$;

revoke execute on function usage.take_many(uuid[], text[], bigint[]) from public;
revoke execute on function usage.add_many(uuid[], text[], bigint[]) from public;
revoke execute on function usage.lock_many(uuid[], text[], bigint[]) from public;

do $do$
declare
  metered regclass;
begin
  for metered in
    select distinct m.relation
    from usage.meters m
    join pg_class c on c.oid = m.relation
  loop
    perform usage.rebuild_meters(metered);
  end loop;
end
$do$;
