create or replace function usage.lock_counters(p_workspaces uuid[], p_metrics text[], p_amounts bigint[])
returns void
language plpgsql
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

comment on function usage.lock_counters(uuid[], text[], bigint[]) is 'Takes the row locks of several counters, given in key order, creating at zero what is missing and will be added to';

revoke execute on function usage.lock_counters(uuid[], text[], bigint[]) from public;
