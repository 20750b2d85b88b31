create or replace function usage.reconcile(p_workspace_id uuid default null, p_repair boolean default true)
returns setof usage.reconciliations
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  _gauges text := '';
  _filter text := '';
  _meter record;
  _drift record;
  _row usage.reconciliations;
begin
  -- Two repairs of one drift would add up.
  perform pg_advisory_xact_lock(hashtextextended('usage.reconcile', 0));

  -- The workspace before its entries, as its deletion takes them; what is being deleted is not waited for.
  with living as (
    select w.id
    from public.workspaces w
    where (p_workspace_id is null or w.id = p_workspace_id)
      and exists (
        select
        from usage.counter_log e
        where e.workspace_id = w.id
      )
    for key share skip locked
  ),
  folded as (
    delete from usage.counter_log e
    using living l
    where e.workspace_id = l.id
    returning e.workspace_id, e.metric, e.period_start, e.amount
  )
  insert into usage.counter_log_totals as t (workspace_id, metric, period_start, amount)
  select f.workspace_id, f.metric, f.period_start, sum(f.amount)::bigint
  from folded f
  group by f.workspace_id, f.metric, f.period_start
  order by f.workspace_id, f.metric, f.period_start
  on conflict on constraint counter_log_totals_pkey do update
    set amount = t.amount + excluded.amount;

  for _meter in
    select m as definition, m.relation
    from usage.meters m
    join usage.metrics k on k.key = m.metric and k.kind = 'gauge'
    join pg_class c on c.oid = m.relation
    order by m.metric, m.relation
  loop
    if p_workspace_id is not null then
      _filter := format(E'\n and ((%s\n)) = $1', (_meter.definition).workspace_expression);
    end if;
    _gauges := _gauges
      || usage.meter_branch(_meter.definition, _meter.relation::text, 1)
      || _filter
      || E'\n union all ';
  end loop;

  -- One statement is one snapshot, and a commit brings its rows and their counters together: what differs here
  -- has drifted, however many writers are at work, and none of them waits. The repair adds the difference
  -- instead of storing the recount, so that what they commit meanwhile stays counted.
  for _drift in execute format(
    $query$
    with truth as (
      select u.workspace_id, u.metric, '-infinity'::timestamptz as period_start, sum(u.amount)::bigint as amount
      from (%s select null::uuid as workspace_id, null::text as metric, null::bigint as amount, null::boolean as refused where false) u
      group by u.workspace_id, u.metric
      union all
      select r.workspace_id, r.metric, r.period_start, r.amount
      from usage.counter_recounts r
      where $1 is null or r.workspace_id = $1
    ),
    counted as (
      select c.workspace_id, c.metric, c.period_start, c.used
      from usage.counter_totals c
      join usage.metrics k on k.key = c.metric
      where ($1 is null or c.workspace_id = $1)
        and (k.kind = 'counter' or k.feed = 'rows')
    )
    select
      d.workspace_id,
      d.metric,
      d.period_start,
      d.counted,
      d.recounted
    from (
      select
        coalesce(c.workspace_id, t.workspace_id) as workspace_id,
        coalesce(c.metric, t.metric) as metric,
        coalesce(c.period_start, t.period_start) as period_start,
        coalesce(c.used, 0) as counted,
        coalesce(t.amount, 0) as recounted
      from counted c
      full join truth t
        on t.workspace_id = c.workspace_id
        and t.metric = c.metric
        and t.period_start = c.period_start
    ) d
    join public.workspaces w on w.id = d.workspace_id
    where d.counted <> d.recounted
    order by d.workspace_id, d.metric, d.period_start
    $query$,
    _gauges
  )
  using p_workspace_id
  loop
    perform 1
    from public.workspaces w
    where w.id = _drift.workspace_id
    for key share skip locked;
    continue when not found;
    if p_repair then
      perform usage.recall_headroom(_drift.workspace_id, _drift.metric, _drift.period_start);
      insert into usage.counters as c (workspace_id, metric, period_start, used)
      values (_drift.workspace_id, _drift.metric, _drift.period_start, _drift.recounted - _drift.counted)
      on conflict on constraint counters_pkey do update
        set
          used = c.used + excluded.used,
          updated_at = now(),
          alert_due = '-infinity';
      -- A level that falls may end an alert; one that rises is noted by the next addition, as one that needs no note.
      if _drift.recounted < _drift.counted then
        perform usage.note_level(_drift.workspace_id, _drift.metric, _drift.period_start, _drift.recounted);
      end if;
    end if;
    insert into usage.reconciliations (workspace_id, metric, period_start, counted, recounted, drift, repaired)
    values (
      _drift.workspace_id, _drift.metric, _drift.period_start,
      _drift.counted, _drift.recounted, _drift.counted - _drift.recounted, p_repair
    )
    returning *
    into _row;
    return next _row;
  end loop;
end
$$;

comment on function usage.reconcile(uuid, boolean) is 'Recounts gauges from their rows and counters from their recorded additions, records each drift and repairs it unless told not to';

revoke execute on function usage.reconcile(uuid, boolean) from public;
