create or replace function usage.attach_meter(
  p_table regclass,
  p_metric text,
  p_workspace text default 'workspace_id',
  p_amount text default '1',
  p_live text default null,
  p_member text default null
)
returns usage.meters
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _metric usage.metrics;
  _meter usage.meters;
  _values jsonb;
  _refused boolean;
  _plans text;
begin
  perform usage.require_plain_table(p_table, 'be metered');
  select metric.*
  into _metric
  from usage.metrics as metric
  where metric.key = p_metric;
  if not found then
    raise exception using errcode = '22023', message = format('unknown metric "%s"', p_metric);
  end if;
  if _metric.feed <> 'rows' then
    raise exception using errcode = '22023', message = format('metric "%s" is fed by the gate, not by rows of a table', p_metric);
  end if;

  -- A dropped table takes its triggers along but not its meters.
  delete from usage.meters as meter
  where not exists (
    select
    from pg_class as class
    where class.oid = meter.relation
  );

  execute format('lock table %s in share row exclusive mode', p_table);
  if exists (
    select
    from usage.meters as meter
    where meter.relation = p_table
      and meter.metric = p_metric
  ) then
    raise exception using errcode = '22023', message = format('%s has a meter of "%s" already', p_table, p_metric);
  end if;

  perform usage.require_meter_expression(p_table, 'workspace', p_workspace);
  perform usage.require_meter_expression(p_table, 'amount', p_amount);
  if p_live is not null then
    perform usage.require_meter_expression(p_table, 'live', p_live);
  end if;

  insert into usage.meters (table_name, relation, metric, workspace_expression, amount_expression, live_filter)
  select
    format('%I.%I', namespace.nspname, class.relname),
    p_table,
    p_metric,
    p_workspace,
    p_amount,
    p_live
  from pg_class as class
  join pg_namespace as namespace
    on namespace.oid = class.relnamespace
  where class.oid = p_table
  returning *
  into _meter;

  _values := jsonb_build_object('rows', usage.meter_branch(_meter, p_table::text, 1));
  execute usage.fill_meter_template('any_refused', _values)
  into _refused;
  if _refused then
    raise exception using
      errcode = '22023',
      message = format('%s has rows without a workspace or with a negative amount, which "%s" cannot count', p_table, p_metric);
  end if;

  if _metric.kind = 'gauge' then
    perform usage.add_table_total(_meter, 1);
  end if;
  perform usage.rebuild_meters(p_table);
  if p_member is not null then
    _meter := usage.meter_members(p_table, p_metric, p_member);
  end if;

  select string_agg(plan.id, ', ' order by plan.rank)
  into _plans
  from billing.plans as plan
  where not exists (
    select
    from billing.plan_limits as plan_limit
    where plan_limit.plan_id = plan.id
      and plan_limit.metric = p_metric
  );
  if _plans is not null then
    raise notice 'plans without a limit of "%", whose workspaces may use none of it: %', p_metric, _plans
      using hint = format('Insert a row into billing.plan_limits for each plan that includes "%s"; limit_value null is unlimited.', p_metric);
  end if;
  return _meter;
end
$$;

comment on function usage.attach_meter(regclass, text, text, text, text, text) is 'Meters a table: its statement triggers count what its rows add to the metric. A gauge begins with the live rows that exist, whatever the limit; a counter begins at zero. With p_member rows count for a member too. SQLSTATE 22023 says what the table, the metric or an expression lacks; a notice names the plans without a limit of the metric.';

revoke execute on function usage.attach_meter(regclass, text, text, text, text, text) from public;
