create or replace function usage.reconcile(p_workspace_id uuid default null, p_repair boolean default true)
returns setof usage.reconciliations
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _gauges text := '';
  _filter text := '';
  _meter record;
  _workspace_id uuid;
  _metric text;
  _period_start timestamptz;
  _counted bigint;
  _recounted bigint;
  _reconciliation usage.reconciliations;
begin
  -- Without this lock two repairs of one drift would both add the difference.
  perform pg_advisory_xact_lock(hashtextextended('usage.reconcile', 0));

  -- Locks the workspace before its log, in the order of its deletion. Skips a workspace that is being deleted.
  with living as (
    select workspace.id
    from public.workspaces as workspace
    where (p_workspace_id is null or workspace.id = p_workspace_id)
      and exists (
        select
        from usage.counter_log as addition
        where addition.workspace_id = workspace.id
      )
    for key share skip locked
  ),
  merged as (
    delete from usage.counter_log as addition
    using living
    where addition.workspace_id = living.id
    returning
      addition.workspace_id,
      addition.metric,
      addition.period_start,
      addition.amount
  )
  insert into usage.counter_log_totals as total (workspace_id, metric, period_start, amount)
  select
    merged.workspace_id,
    merged.metric,
    merged.period_start,
    sum(merged.amount)::bigint
  from merged
  group by merged.workspace_id, merged.metric, merged.period_start
  order by merged.workspace_id, merged.metric, merged.period_start
  on conflict on constraint counter_log_totals_pkey do update
    set amount = total.amount + excluded.amount;

  for _meter in
    select
      meter as definition,
      meter.relation
    from usage.meters as meter
    join usage.metrics as metric
      on metric.key = meter.metric
      and metric.kind = 'gauge'
    join pg_class as class
      on class.oid = meter.relation
    order by meter.metric, meter.relation
  loop
    if p_workspace_id is not null then
      _filter := format(E'\n and ((%s\n)) = $1', (_meter.definition).workspace_expression);
    end if;
    _gauges := _gauges
      || usage.meter_branch(_meter.definition, _meter.relation::text, 1)
      || _filter
      || E'\n union all ';
  end loop;

  -- One statement is one snapshot, and a commit makes rows and counters visible together: a difference is a drift, never
  -- a write in between, and no writer waits. The repair adds the difference instead of storing the recount, so that
  -- additions that commit after the snapshot stay counted.
  for _workspace_id, _metric, _period_start, _counted, _recounted in execute format(
    $query$
    with recount as (
      select
        live.workspace_id,
        live.metric,
        '-infinity'::timestamptz as period_start,
        sum(live.amount)::bigint as amount
      from (
        %s
        select
          null::uuid as workspace_id,
          null::text as metric,
          null::bigint as amount,
          null::boolean as refused
        where false
      ) as live
      group by live.workspace_id, live.metric
      union all
      select
        logged.workspace_id,
        logged.metric,
        logged.period_start,
        logged.amount
      from usage.counter_recounts as logged
      where $1 is null
        or logged.workspace_id = $1
    ),
    counted as (
      select
        counter.workspace_id,
        counter.metric,
        counter.period_start,
        counter.used
      from usage.counter_totals as counter
      join usage.metrics as metric
        on metric.key = counter.metric
      where ($1 is null or counter.workspace_id = $1)
        and (metric.kind = 'counter' or metric.feed = 'rows')
    )
    select
      compared.workspace_id,
      compared.metric,
      compared.period_start,
      compared.counted,
      compared.recounted
    from (
      select
        coalesce(counted.workspace_id, recount.workspace_id) as workspace_id,
        coalesce(counted.metric, recount.metric) as metric,
        coalesce(counted.period_start, recount.period_start) as period_start,
        coalesce(counted.used, 0) as counted,
        coalesce(recount.amount, 0) as recounted
      from counted
      full join recount
        on recount.workspace_id = counted.workspace_id
        and recount.metric = counted.metric
        and recount.period_start = counted.period_start
    ) as compared
    join public.workspaces as workspace
      on workspace.id = compared.workspace_id
    where compared.counted <> compared.recounted
    order by compared.workspace_id, compared.metric, compared.period_start
    $query$,
    _gauges
  )
  using p_workspace_id
  loop
    perform 1
    from public.workspaces as workspace
    where workspace.id = _workspace_id
    for key share skip locked;
    continue when not found;
    if p_repair then
      perform usage.recall_headroom(_workspace_id, _metric, _period_start);
      insert into usage.counters as counter (workspace_id, metric, period_start, used)
      values (_workspace_id, _metric, _period_start, _recounted - _counted)
      on conflict on constraint counters_pkey do update
        set
          used = counter.used + excluded.used,
          updated_at = now(),
          alert_due = '-infinity';
      -- A lower level may end an alert. A higher one is noted by the next addition, because alert_due has passed.
      if _recounted < _counted then
        perform usage.note_level(_workspace_id, _metric, _period_start, _recounted);
      end if;
    end if;
    insert into usage.reconciliations (workspace_id, metric, period_start, counted, recounted, drift, repaired)
    values (_workspace_id, _metric, _period_start, _counted, _recounted, _counted - _recounted, p_repair)
    returning *
    into _reconciliation;
    return next _reconciliation;
  end loop;
end
$$;

comment on function usage.reconcile(uuid, boolean) is 'Recounts each gauge from its rows and each counter from its log, of one workspace or, with null, of all. Records each difference in usage.reconciliations, adds it to the counter unless p_repair is false, and returns what it recorded, in the unit of the metric. Writers do not wait for the comparison. The job usage_reconcile calls it hourly.';

revoke execute on function usage.reconcile(uuid, boolean) from public;
