create or replace function usage.reconcile_members(
  p_workspace_id uuid default null,
  p_repair boolean default true
)
returns setof usage.reconciliations
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _gauges text;
  _workspace uuid;
  _metric text;
  _start timestamptz;
  _member uuid;
  _counted bigint;
  _recounted bigint;
  _row usage.reconciliations;
begin
  -- Two repairs of the same drift at once would both add it.
  perform pg_advisory_xact_lock(hashtextextended('usage.reconcile', 0));

  -- The workspace before its log, as its deletion locks them; a workspace that is being deleted is skipped.
  with living as (
    select workspace.id
    from public.workspaces as workspace
    where (p_workspace_id is null or workspace.id = p_workspace_id)
      and exists (
        select
        from usage.member_counter_log as log
        where log.workspace_id = workspace.id
      )
    for key share skip locked
  ),
  removed as (
    delete from usage.member_counter_log as log
    using living
    where log.workspace_id = living.id
    returning log.workspace_id, log.metric, log.period_start, log.member_id, log.amount
  )
  insert into usage.member_counter_log_totals as total (workspace_id, metric, period_start, member_id, amount)
  select removed.workspace_id, removed.metric, removed.period_start, removed.member_id, sum(removed.amount)::bigint
  from removed
  group by removed.workspace_id, removed.metric, removed.period_start, removed.member_id
  order by removed.workspace_id, removed.metric, removed.period_start, removed.member_id
  on conflict on constraint member_counter_log_totals_pkey do update
    set amount = total.amount + excluded.amount;

  -- Dynamic SQL of expressions that usage.attach_meter has checked; usage.meter_member_branch quotes the names.
  _gauges := coalesce(
    (
      select string_agg(
        usage.meter_member_branch(meter, meter.relation::text, 1) || E'\n union all ', '' order by meter.metric, meter.relation
      )
      from usage.meters as meter
      join usage.metrics as metric
        on metric.key = meter.metric
        and metric.kind = 'gauge'
      join pg_class as relation on relation.oid = meter.relation
      where meter.member_expression is not null
    ),
    ''
  );

  -- One statement is one snapshot, and a commit makes rows and counters visible together: a difference in it is a drift and
  -- not a write in between.
  for _workspace, _metric, _start, _member, _counted, _recounted in execute format(
    $query$
    with truth as (
      select
        live.workspace_id,
        live.metric,
        '-infinity'::timestamptz as period_start,
        live.member_id,
        sum(live.amount)::bigint as amount
      from (%s
        select null::uuid as workspace_id, null::text as metric, null::uuid as member_id, null::bigint as amount
        where false
      ) as live
      join usage.member_meters as member_meter
        on member_meter.workspace_id = live.workspace_id
        and member_meter.metric = live.metric
      where live.member_id is not null
        and ($1 is null or live.workspace_id = $1)
      group by live.workspace_id, live.metric, live.member_id
      union all
      select added.workspace_id, added.metric, added.period_start, added.member_id, sum(added.amount)::bigint
      from (
        select total.workspace_id, total.metric, total.period_start, total.member_id, total.amount
        from usage.member_counter_log_totals as total
        where $1 is null or total.workspace_id = $1
        union all
        select log.workspace_id, log.metric, log.period_start, log.member_id, log.amount
        from usage.member_counter_log as log
        where $1 is null or log.workspace_id = $1
      ) as added
      group by added.workspace_id, added.metric, added.period_start, added.member_id
    ),
    counted as (
      select counter.workspace_id, counter.metric, counter.period_start, counter.member_id, counter.used
      from usage.member_counters as counter
      join usage.metrics as metric on metric.key = counter.metric
      where ($1 is null or counter.workspace_id = $1)
        and (metric.kind = 'counter' or metric.feed = 'rows')
    )
    select
      coalesce(counted.workspace_id, truth.workspace_id) as workspace_id,
      coalesce(counted.metric, truth.metric) as metric,
      coalesce(counted.period_start, truth.period_start) as period_start,
      coalesce(counted.member_id, truth.member_id) as member_id,
      coalesce(counted.used, 0) as counted,
      coalesce(truth.amount, 0) as recounted
    from counted
    full join truth
      on truth.workspace_id = counted.workspace_id
      and truth.metric = counted.metric
      and truth.period_start = counted.period_start
      and truth.member_id = counted.member_id
    where coalesce(counted.used, 0) <> coalesce(truth.amount, 0)
    order by 1, 2, 3, 4
    $query$,
    _gauges
  )
  using p_workspace_id
  loop
    perform 1
    from public.workspaces as workspace
    where workspace.id = _workspace
    for key share skip locked;
    continue when not found;
    if p_repair then
      -- Adds the difference instead of storing the recount, so that additions committed meanwhile stay counted.
      insert into usage.member_counters as counter (workspace_id, metric, period_start, member_id, used)
      values (_workspace, _metric, _start, _member, _recounted - _counted)
      on conflict on constraint member_counters_pkey do update
        set
          used = counter.used + excluded.used,
          updated_at = now();
    end if;
    insert into usage.reconciliations (workspace_id, metric, period_start, member_id, counted, recounted, drift, repaired)
    values (_workspace, _metric, _start, _member, _counted, _recounted, _counted - _recounted, p_repair)
    returning *
    into _row;
    return next _row;
  end loop;
end
$$;

comment on function usage.reconcile_members(uuid, boolean) is 'Compares the counters of members with a recount, gauges from their live rows and counters from the log of additions; returns and records each difference as a row of usage.reconciliations, and repairs it unless p_repair is false. p_workspace_id null means all workspaces. Called hourly by the cron trigger usage_reconcile; safe beside writers, which do not wait for it';

revoke execute on function usage.reconcile_members(uuid, boolean) from public;
