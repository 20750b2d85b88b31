create or replace function usage.add_within_headroom(p_workspaces uuid[], p_metrics text[], p_amounts bigint[])
returns integer[]
language plpgsql
set search_path = pg_catalog, pg_temp
set enable_hashjoin = off
set enable_mergejoin = off
set enable_seqscan = off
set enable_bitmapscan = off
-- Without it PostgreSQL compiles the query, because a plan without an alternative to what is switched off is priced high.
set jit = off
as $$
declare
  _added integer[];
begin
  -- Statements over the same counters wait for each other at the first one; the update below then starts with a snapshot
  -- that has all their changes, instead of looking up and checking each row again.
  perform 1
  from usage.counters as counter
  where counter.workspace_id = p_workspaces[1]
    and counter.metric = p_metrics[1]
    and counter.period_start <= now()
    and counter.headroom_until > now()
  for no key update;

  with added as (
    update usage.counters as counter
    set
      used = counter.used + addition.amount,
      headroom = counter.headroom - addition.amount,
      updated_at = now()
    from (
      select given.workspace_id, given.metric, given.amount, given.position
      from unnest(p_workspaces, p_metrics, p_amounts) with ordinality as given (workspace_id, metric, amount, position)
      order by given.position
      offset 0
    ) as addition
    where counter.workspace_id = addition.workspace_id
      and counter.metric = addition.metric
      -- Only the present period has headroom: headroom ends with its period, and a change of periods takes it back.
      and counter.period_start <= now()
      and counter.headroom >= addition.amount
      and counter.headroom_from <= now()
      and counter.headroom_until > now()
      and counter.used + addition.amount >= counter.fall_at
    returning counter.workspace_id, counter.metric, counter.period_start, counter.used, addition.amount, addition.position
  ),
  logged as (
    insert into usage.counter_log (workspace_id, metric, period_start, amount)
    select added.workspace_id, added.metric, added.period_start, added.amount
    from added
    where added.period_start > '-infinity'
  ),
  -- The addition that granted the headroom has written the peak of this period.
  raised as (
    update usage.peaks as peak
    set peak = added.used
    from added
    where added.period_start = '-infinity'
      and added.amount > 0
      and peak.workspace_id = added.workspace_id
      and peak.metric = added.metric
      and peak.period_start = (
        select latest.period_start
        from usage.peaks as latest
        where latest.workspace_id = added.workspace_id
          and latest.metric = added.metric
          and latest.period_start <= now()
        order by latest.period_start desc
        limit 1
      )
      and peak.peak < added.used
  )
  select coalesce(array_agg(added.position::integer), '{}')
  into _added
  from added;
  return _added;
end
$$;

comment on function usage.add_within_headroom(uuid[], text[], bigint[]) is 'Adds to those of several counters, sorted by workspace and metric, that have the headroom on their row, and leaves the others as they are; returns the positions of those it added to, in any order. Called by usage.add_many and usage.add_many_locked';

revoke execute on function usage.add_within_headroom(uuid[], text[], bigint[]) from public;
