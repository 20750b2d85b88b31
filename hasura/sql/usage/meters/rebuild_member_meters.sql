create or replace function usage.rebuild_member_meters(p_table regclass)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _old record;
  _meter record;
  _stem text;
  _event record;
  _metrics text[] := '{}';
  _insert text[] := '{}';
  _update text[] := '{}';
  _gauges text[] := '{}';
  _delete text[] := '{}';
  _truncate text[] := '{}';
  _union constant text := E'\n      union all';
begin
  for _old in
    select t.tgname, t.tgfoid::regprocedure as function
    from pg_trigger t
    where t.tgrelid = p_table
      and t.tgname in (
        'usage_meter_insert_members', 'usage_meter_update_members', 'usage_meter_delete_members',
        'usage_meter_truncate_members'
      )
  loop
    execute format('drop trigger %I on %s', _old.tgname, p_table);
    execute format('drop function %s', _old.function);
  end loop;

  for _meter in
    select m as definition, m.metric, k.kind
    from usage.meters m
    join usage.metrics k on k.key = m.metric
    where m.relation = p_table
      and m.member_expression is not null
    order by m.metric
  loop
    _metrics := _metrics || _meter.metric;
    _insert := _insert || usage.meter_member_branch(_meter.definition, 'new_rows', 1);
    if _meter.kind = 'gauge' then
      _gauges := _gauges
        || usage.meter_member_branch(_meter.definition, 'new_rows', 1)
        || usage.meter_member_branch(_meter.definition, 'old_rows', -1);
      _delete := _delete || usage.meter_member_branch(_meter.definition, 'old_rows', -1);
      _truncate := _truncate || usage.meter_member_branch(_meter.definition, '{{table}}', -1);
    else
      _update := _update || usage.meter_member_raise_branch(_meter.definition);
    end if;
  end loop;
  _update := _gauges || _update;

  select format('meter_%s_%s', n.nspname, c.relname)
  into _stem
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace
  where c.oid = p_table;
  if length(_stem) > 42 then
    _stem := left(_stem, 33) || '_' || left(md5(_stem), 8);
  end if;
  -- The name is taken when a table was renamed and another one came in its place.
  if exists (
    select
    from pg_proc p
    where p.pronamespace = 'usage'::regnamespace
      and p.proname like replace(_stem, '_', '\_') || '\_%\_members'
  ) then
    _stem := left(_stem, 33) || '_' || p_table::oid;
  end if;

  for _event in
    select
      e.name,
      e.timing,
      e.referencing,
      case when e.name = 'truncate' then format(
        $body$
declare
  _workspaces uuid[];
  _metrics text[];
  _members uuid[];
  _amounts bigint[];
begin
  execute replace(%L, '{{table}}', tg_relid::regclass::text)
  into _workspaces, _metrics, _members, _amounts;
  perform usage.add_to_members(_workspaces, _metrics, _members, _amounts);
  return null;
end
$body$,
        usage.member_total(array_to_string(e.branches, _union))
      )
      else usage.member_body(
        _metrics, array_to_string(e.branches, _union),
        case when e.name = 'update' and _gauges <> '{}' then array_to_string(_gauges, _union) end
      ) end as body
    from (
      values
        ('insert', 'after', 'referencing new table as new_rows', _insert),
        ('update', 'after', 'referencing old table as old_rows new table as new_rows', _update),
        ('delete', 'after', 'referencing old table as old_rows', _delete),
        ('truncate', 'before', '', _truncate)
    ) as e (name, timing, referencing, branches)
    where e.branches <> '{}'
  loop
    execute format(
      'create function usage.%I() returns trigger language plpgsql security definer set search_path = pg_catalog, pg_temp as %L',
      _stem || '_' || _event.name || '_members', _event.body
    );
    execute format('revoke execute on function usage.%I() from public', _stem || '_' || _event.name || '_members');
    execute format(
      'create trigger %I %s %s on %s %s for each statement execute function usage.%I()',
      'usage_meter_' || _event.name || '_members', _event.timing, _event.name, p_table, _event.referencing,
      _stem || '_' || _event.name || '_members'
    );
  end loop;
end
$$;

comment on function usage.rebuild_member_meters(regclass) is 'Drops and creates the triggers of a table that count members; by their names they run behind those of the workspace';

revoke execute on function usage.rebuild_member_meters(regclass) from public;
