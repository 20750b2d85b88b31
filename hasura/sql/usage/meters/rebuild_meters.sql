create or replace function usage.rebuild_meters(p_table regclass)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _schema text;
  _relation text;
  _stem text;
  _event text;
  _branches text[];
  _referencing text;
  _old record;
  _meter record;
  _insert text[] := '{}';
  _update text[] := '{}';
  _delete text[] := '{}';
  _truncate text[] := '{}';
  _union constant text := E'\n      union all';
begin
  select n.nspname, c.relname
  into _schema, _relation
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace
  where c.oid = p_table;

  for _old in
    select t.tgname, t.tgfoid::regprocedure as function
    from pg_trigger t
    where t.tgrelid = p_table
      and t.tgname in ('usage_meter_insert', 'usage_meter_update', 'usage_meter_delete', 'usage_meter_truncate')
  loop
    execute format('drop trigger %I on %s', _old.tgname, p_table);
    execute format('drop function %s', _old.function);
  end loop;

  for _meter in
    select m as definition, k.kind
    from usage.meters m
    join usage.metrics k on k.key = m.metric
    where m.relation = p_table
    order by m.metric
  loop
    _insert := _insert || usage.meter_branch(_meter.definition, 'new_rows', 1);
    if _meter.kind = 'gauge' then
      _update := _update
        || usage.meter_branch(_meter.definition, 'new_rows', 1)
        || usage.meter_branch(_meter.definition, 'old_rows', -1);
      _delete := _delete || usage.meter_branch(_meter.definition, 'old_rows', -1);
      _truncate := _truncate || usage.meter_branch(_meter.definition, '{{table}}', -1);
    else
      _update := _update || usage.meter_raise_branch(_meter.definition);
    end if;
  end loop;

  _stem := format('meter_%s_%s', _schema, _relation);
  if length(_stem) > 50 then
    _stem := left(_stem, 41) || '_' || left(md5(_stem), 8);
  end if;
  -- The name is taken when a table was renamed or dropped with its meters and another one came in its place.
  if exists (
    select
    from pg_proc p
    where p.pronamespace = 'usage'::regnamespace
      and p.proname in (_stem || '_insert', _stem || '_update', _stem || '_delete', _stem || '_truncate')
  ) then
    _stem := left(_stem, 41) || '_' || p_table::oid;
  end if;

  for _event, _branches, _referencing in
    select e.event, e.branches, e.referencing
    from (
      values
        ('insert', _insert, 'new table as new_rows'),
        ('update', _update, 'old table as old_rows new table as new_rows'),
        ('delete', _delete, 'old table as old_rows')
    ) as e (event, branches, referencing)
    where e.branches <> '{}'
  loop
    perform usage.create_meter_trigger(
      p_table, _stem, 'after', _event, 'referencing ' || _referencing,
      case _event
        when 'insert' then usage.meter_insert_body(p_table, array_to_string(_branches, _union))
        else usage.meter_body(array_to_string(_branches, _union), '', '')
      end
    );
  end loop;

  if _truncate <> '{}' then
    perform usage.create_meter_trigger(
      p_table, _stem, 'before', 'truncate', '',
      format(
        $body$
declare
  _use record;
begin
  -- An older snapshot may miss rows that the truncate removes.
  if current_setting('transaction_isolation') not in ('read committed', 'read uncommitted') then
    raise exception using
      errcode = '23U02',
      message = format('%%s is metered: truncate it in a read committed transaction', tg_table_name);
  end if;
  for _use in execute replace(%L, '{{table}}', tg_relid::regclass::text)
  loop
    perform usage.add(_use.workspace_id, _use.metric, _use.amount);
  end loop;
  return null;
end
$body$,
        usage.meter_total(array_to_string(_truncate, _union))
      )
    );
  end if;
end
$$;

comment on function usage.rebuild_meters(regclass) is 'Drops and creates the triggers of a table and their functions from usage.meters';

revoke execute on function usage.rebuild_meters(regclass) from public;
