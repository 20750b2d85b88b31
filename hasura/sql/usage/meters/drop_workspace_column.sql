create or replace function usage.drop_workspace_column(p_table regclass, p_column text default 'workspace_id')
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _function regprocedure;
  _parent regclass;
  _name text;
  _child regclass;
  _meter usage.meters;
begin
  select present.tgfoid::regprocedure
  into _function
  from pg_trigger as present
  where present.tgrelid = p_table
    and present.tgname = 'usage_workspace_insert';
  select foreign_key.confrelid::regclass, attribute.attname::text
  into _parent, _name
  from pg_constraint as foreign_key
  join pg_attribute as attribute
    on attribute.attrelid = foreign_key.conrelid
    and attribute.attnum = foreign_key.conkey[2]
  where foreign_key.conrelid = p_table
    and foreign_key.conname = 'usage_workspace_fkey';
  -- Where the parent was dropped with cascade, the constraint went with it and the triggers stayed.
  if _function is null or _name <> p_column then
    raise exception using
      errcode = '22023',
      message = format('%s has no column "%s" of usage.add_workspace_column', p_table, p_column);
  end if;
  select foreign_key.conrelid::regclass
  into _child
  from pg_constraint as foreign_key
  where foreign_key.confrelid = p_table
    and foreign_key.conname = 'usage_workspace_fkey'
  limit 1;
  if found then
    raise exception using
      errcode = '22023',
      message = format('%s takes its workspace from "%s" of %s: drop its column first', _child, p_column, p_table);
  end if;

  if _parent is not null then
    execute format('lock table %s in access exclusive mode', _parent);
  end if;
  execute format('lock table %s in access exclusive mode', p_table);
  execute format('drop trigger usage_workspace_insert on %s', p_table);
  execute format('drop trigger usage_workspace_update on %s', p_table);
  execute format('drop function %s', _function);
  execute format('alter table %s drop constraint if exists usage_workspace_fkey', p_table);
  execute format('alter table %s drop column %I', p_table, p_column);

  for _meter in
    select meter.*
    from usage.meters as meter
    where meter.relation = p_table
    order by meter.metric
  loop
    begin
      perform usage.require_meter_expression(p_table, 'workspace', _meter.workspace_expression);
      perform usage.require_meter_expression(p_table, 'amount', _meter.amount_expression);
      perform usage.require_meter_expression(p_table, 'live', coalesce(_meter.live_filter, 'true'));
      perform usage.require_meter_expression(p_table, 'member', coalesce(_meter.member_expression, 'null::uuid'));
    exception when sqlstate '22023' then
      raise exception using
        errcode = '22023',
        message = format('the meter of "%s" on %s reads "%s": detach the meter first', _meter.metric, p_table, p_column);
    end;
  end loop;

  -- The key that usage.require_workspace_key gave the parent, where no other table refers to it.
  select parent_key.conname::text
  into _name
  from pg_constraint as parent_key
  where parent_key.conrelid = _parent
    and parent_key.contype = 'u'
    and parent_key.conname like '%\_usage\_workspace\_key'
    and not exists (
      select
      from pg_constraint as foreign_key
      where foreign_key.contype = 'f'
        and foreign_key.conindid = parent_key.conindid
    );
  if found then
    execute format('alter table %s drop constraint %I', _parent, _name);
  end if;
end
$$;

comment on function usage.drop_workspace_column(regclass, text) is 'Takes back usage.add_workspace_column: drops the column, its triggers and what the parent got for it. SQLSTATE 22023 when the table has no such column, a meter reads it or another table takes its workspace from it.';

revoke execute on function usage.drop_workspace_column(regclass, text) from public;
