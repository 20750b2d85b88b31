create or replace function usage.add_within_headroom(p_workspaces uuid[], p_metrics text[], p_amounts bigint[])
returns integer[]
language plpgsql
set search_path = pg_catalog, pg_temp
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
    and c.headroom_until > now()
  for no key update;

  with taken as (
    update usage.counters c
    set
      used = c.used + k.amount,
      headroom = c.headroom - k.amount,
      updated_at = now()
    from (
      select k.workspace_id, k.metric, k.amount, k.n
      from unnest(p_workspaces, p_metrics, p_amounts) with ordinality as k (workspace_id, metric, amount, n)
      order by k.n
      offset 0
    ) k
    where c.workspace_id = k.workspace_id
      and c.metric = k.metric
      -- Only the present period has headroom, as headroom ends with its period and a change of periods takes it back.
      and c.period_start <= now()
      and c.headroom >= k.amount
      and c.headroom_from <= now()
      and c.headroom_until > now()
      and c.used + k.amount >= c.fall_at
    returning c.workspace_id, c.metric, c.period_start, c.used, k.amount, k.n
  ),
  noted as (
    insert into usage.counter_log (workspace_id, metric, period_start, amount)
    select t.workspace_id, t.metric, t.period_start, t.amount
    from taken t
    where t.period_start > '-infinity'
  ),
  -- Whoever granted the headroom has noted a peak in this period.
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

comment on function usage.add_within_headroom(uuid[], text[], bigint[]) is 'Adds to those of several counters, given in key order, that have the headroom, by one statement; returns which ones, as positions';

revoke execute on function usage.add_within_headroom(uuid[], text[], bigint[]) from public;
