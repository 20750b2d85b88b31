create or replace function usage.reconcile_members(
  p_workspace_id uuid default null,
  p_repair boolean default true
)
returns setof usage.reconciliations
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  _gauges text;
  _drift record;
  _row usage.reconciliations;
begin
  -- Two repairs of one drift would add up.
  perform pg_advisory_xact_lock(hashtextextended('usage.reconcile', 0));

  with living as (
    select w.id
    from public.workspaces w
    where (p_workspace_id is null or w.id = p_workspace_id)
      and exists (
        select
        from usage.member_counter_log e
        where e.workspace_id = w.id
      )
    for key share skip locked
  ),
  folded as (
    delete from usage.member_counter_log e
    using living l
    where e.workspace_id = l.id
    returning e.workspace_id, e.metric, e.period_start, e.member_id, e.amount
  )
  insert into usage.member_counter_log_totals as t (workspace_id, metric, period_start, member_id, amount)
  select f.workspace_id, f.metric, f.period_start, f.member_id, sum(f.amount)::bigint
  from folded f
  group by f.workspace_id, f.metric, f.period_start, f.member_id
  order by f.workspace_id, f.metric, f.period_start, f.member_id
  on conflict on constraint member_counter_log_totals_pkey do update
    set amount = t.amount + excluded.amount;

  select coalesce(
    string_agg(usage.meter_member_branch(m, m.relation::text, 1) || E'\n union all ', '' order by m.metric, m.relation),
    ''
  )
  into _gauges
  from usage.meters m
  join usage.metrics k on k.key = m.metric and k.kind = 'gauge'
  join pg_class c on c.oid = m.relation
  where m.member_expression is not null;

  -- One statement is one snapshot, and a commit brings rows and counters together: what differs here has drifted.
  for _drift in execute format(
    $query$
    with truth as (
      select u.workspace_id, u.metric, '-infinity'::timestamptz as period_start, u.member_id, sum(u.amount)::bigint as amount
      from (%s select null::uuid as workspace_id, null::text as metric, null::uuid as member_id, null::bigint as amount where false) u
      join usage.member_meters m
        on m.workspace_id = u.workspace_id
        and m.metric = u.metric
      where u.member_id is not null
        and ($1 is null or u.workspace_id = $1)
      group by u.workspace_id, u.metric, u.member_id
      union all
      select r.workspace_id, r.metric, r.period_start, r.member_id, sum(r.amount)::bigint
      from (
        select t.workspace_id, t.metric, t.period_start, t.member_id, t.amount
        from usage.member_counter_log_totals t
        where $1 is null or t.workspace_id = $1
        union all
        select e.workspace_id, e.metric, e.period_start, e.member_id, e.amount
        from usage.member_counter_log e
        where $1 is null or e.workspace_id = $1
      ) r
      group by r.workspace_id, r.metric, r.period_start, r.member_id
    ),
    counted as (
      select c.workspace_id, c.metric, c.period_start, c.member_id, c.used
      from usage.member_counters c
      join usage.metrics k on k.key = c.metric
      where ($1 is null or c.workspace_id = $1)
        and (k.kind = 'counter' or k.feed = 'rows')
    )
    select
      coalesce(c.workspace_id, t.workspace_id) as workspace_id,
      coalesce(c.metric, t.metric) as metric,
      coalesce(c.period_start, t.period_start) as period_start,
      coalesce(c.member_id, t.member_id) as member_id,
      coalesce(c.used, 0) as counted,
      coalesce(t.amount, 0) as recounted
    from counted c
    full join truth t
      on t.workspace_id = c.workspace_id
      and t.metric = c.metric
      and t.period_start = c.period_start
      and t.member_id = c.member_id
    where coalesce(c.used, 0) <> coalesce(t.amount, 0)
    order by 1, 2, 3, 4
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
      insert into usage.member_counters as c (workspace_id, metric, period_start, member_id, used)
      values (
        _drift.workspace_id, _drift.metric, _drift.period_start, _drift.member_id, _drift.recounted - _drift.counted
      )
      on conflict on constraint member_counters_pkey do update
        set
          used = c.used + excluded.used,
          updated_at = now();
    end if;
    insert into usage.reconciliations (workspace_id, metric, period_start, member_id, counted, recounted, drift, repaired)
    values (
      _drift.workspace_id, _drift.metric, _drift.period_start, _drift.member_id,
      _drift.counted, _drift.recounted, _drift.counted - _drift.recounted, p_repair
    )
    returning *
    into _row;
    return next _row;
  end loop;
end
$$;

comment on function usage.reconcile_members(uuid, boolean) is 'usage.reconcile for the counters of members: gauges against the live rows, counters against what was added';

revoke execute on function usage.reconcile_members(uuid, boolean) from public;
