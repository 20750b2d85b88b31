create or replace function usage.attach_workspace_meter(
  p_table regclass,
  p_metric text,
  p_workspace text default 'workspace_id',
  p_amount text default '1',
  p_live text default null
)
returns usage.meters
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _class record;
  _metric usage.metrics;
  _meter usage.meters;
  _type text;
  _use record;
  _refused boolean;
begin
  select c.relkind, c.relpersistence, c.relispartition, n.nspname, c.relname
  into _class
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace
  where c.oid = p_table;
  if not found then
    raise exception using errcode = '22023', message = 'a meter needs a table';
  end if;
  if _class.relkind <> 'r' or _class.relpersistence <> 'p' or _class.relispartition
    or exists (select from pg_inherits i where i.inhrelid = p_table or i.inhparent = p_table)
  then
    raise exception using
      errcode = '22023',
      message = format('%s cannot be metered: it is not a plain permanent table (views, foreign, unlogged, temporary, partitioned and inherited tables can be written past a statement trigger)', p_table);
  end if;
  if _class.nspname in ('usage', 'pg_catalog', 'information_schema') then
    raise exception using errcode = '22023', message = format('%s cannot be metered: it belongs to the system', p_table);
  end if;

  select m.*
  into _metric
  from usage.metrics m
  where m.key = p_metric;
  if not found then
    raise exception using errcode = '22023', message = format('unknown metric "%s"', p_metric);
  end if;
  if _metric.feed <> 'rows' then
    raise exception using errcode = '22023', message = format('metric "%s" is fed by the gate, not by rows of a table', p_metric);
  end if;

  -- A dropped table takes its triggers along but not its meters.
  delete from usage.meters m
  where not exists (select from pg_class c where c.oid = m.relation);

  execute format('lock table %s in share row exclusive mode', p_table);
  if exists (select from usage.meters m where m.relation = p_table and m.metric = p_metric) then
    raise exception using errcode = '22023', message = format('%s has a meter of "%s" already', p_table, p_metric);
  end if;

  _type := usage.meter_expression_type(p_table, 'workspace', p_workspace);
  if _type <> 'uuid' then
    raise exception using
      errcode = '22023',
      message = format('workspace expression "%s" of %s is of type %s, not uuid', p_workspace, p_table, _type);
  end if;
  _type := usage.meter_expression_type(p_table, 'amount', p_amount);
  if _type not in ('smallint', 'integer', 'bigint', 'numeric', 'real', 'double precision') then
    raise exception using
      errcode = '22023',
      message = format('amount expression "%s" of %s is of type %s, not a number', p_amount, p_table, _type);
  end if;
  if p_live is not null then
    _type := usage.meter_expression_type(p_table, 'live', p_live);
    if _type <> 'boolean' then
      raise exception using
        errcode = '22023',
        message = format('live expression "%s" of %s is of type %s, not boolean', p_live, p_table, _type);
    end if;
  end if;

  insert into usage.meters (table_name, relation, metric, workspace_expression, amount_expression, live_filter)
  values (format('%I.%I', _class.nspname, _class.relname), p_table, p_metric, p_workspace, p_amount, p_live)
  returning *
  into _meter;

  execute format(
    'select bool_or(u.refused) from (%s) u',
    usage.meter_branch(_meter, p_table::text, 1)
  )
  into _refused;
  if _refused then
    raise exception using
      errcode = '22023',
      message = format('%s has rows without a workspace or with a negative amount, which "%s" cannot count', p_table, p_metric);
  end if;

  if _metric.kind = 'gauge' then
    for _use in execute usage.meter_total(usage.meter_branch(_meter, p_table::text, 1))
    loop
      perform usage.add(_use.workspace_id, _use.metric, _use.amount, false);
    end loop;
  end if;

  perform usage.rebuild_meters(p_table);
  return _meter;
end
$$;

comment on function usage.attach_workspace_meter(regclass, text, text, text, text) is 'Meters a table by statement-level triggers; live rows that exist count into a gauge, whatever the limit, and not into a counter';

revoke execute on function usage.attach_workspace_meter(regclass, text, text, text, text) from public;
