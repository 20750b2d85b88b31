create or replace function usage.lock_counters(p_workspaces uuid[], p_metrics text[], p_amounts bigint[])
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  -- The first use of a period. billing.has_no_use locks the workspace for update: a period anchor that another transaction
  -- sets now either waits for this use or is seen by it.
  perform 1
  from public.workspaces as workspace
  where workspace.id in (
    select addition.workspace_id
    from unnest(p_workspaces, p_metrics, p_amounts) as addition (workspace_id, metric, amount)
    join usage.metrics as metric on metric.key = addition.metric
    cross join lateral usage.period(addition.workspace_id) as present
    where addition.amount > 0
      and not exists (
        select
        from usage.counters as counter
        where counter.workspace_id = addition.workspace_id
          and counter.metric = addition.metric
          and counter.period_start = case metric.kind when 'gauge' then '-infinity' else present.period_start end
      )
  )
  order by workspace.id
  for key share;

  insert into usage.counters (workspace_id, metric, period_start, used)
  select addition.workspace_id, addition.metric, case metric.kind when 'gauge' then '-infinity' else present.period_start end, 0
  from unnest(p_workspaces, p_metrics, p_amounts) with ordinality as addition (workspace_id, metric, amount, position)
  join usage.metrics as metric on metric.key = addition.metric
  cross join lateral usage.period(addition.workspace_id) as present
  where addition.amount > 0
    and not exists (
      select
      from usage.counters as counter
      where counter.workspace_id = addition.workspace_id
        and counter.metric = addition.metric
        and counter.period_start = case metric.kind when 'gauge' then '-infinity' else present.period_start end
    )
  order by addition.position
  on conflict on constraint counters_pkey do nothing;

  perform 1
  from unnest(p_workspaces, p_metrics) with ordinality as wanted (workspace_id, metric, position)
  join usage.metrics as metric on metric.key = wanted.metric
  cross join lateral usage.period(wanted.workspace_id) as present
  join usage.counters as counter
    on counter.workspace_id = wanted.workspace_id
    and counter.metric = wanted.metric
    and counter.period_start = case metric.kind when 'gauge' then '-infinity' else present.period_start end
  order by wanted.position
  for no key update of counter;
end
$$;

comment on function usage.lock_counters(uuid[], text[], bigint[]) is 'Locks the rows of several counters, sorted by workspace and metric, until the transaction ends; creates at 0 those that are missing and whose amount is positive. Called by usage.add_many_locked';

revoke execute on function usage.lock_counters(uuid[], text[], bigint[]) from public;
