create or replace function usage.create_workspace_triggers(p_table regclass)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _values jsonb;
begin
  -- The constraint knows the present names of the tables and columns.
  select jsonb_build_object(
    'table', p_table,
    'parent', foreign_key.confrelid::regclass,
    'foreign_key', quote_ident(child_key.attname),
    'column', quote_ident(child_workspace.attname),
    'column_name', quote_literal(child_workspace.attname),
    'parent_key', quote_ident(parent_key.attname),
    'parent_workspace', quote_ident(parent_workspace.attname),
    'equals', usage.qualified_operator(foreign_key.conpfeqop[1]),
    'same_key', usage.qualified_operator(foreign_key.conffeqop[1]),
    -- A template of format, whose %s is the value of the foreign key.
    'message', quote_literal(
      format(
        '"%s" of %s is %%s: %s has no such row with a "%s"',
        replace(child_key.attname, '%', '%%'),
        replace(child.relname, '%', '%%'),
        replace(parent.relname, '%', '%%'),
        replace(parent_workspace.attname, '%', '%%')
      )
    )
  )
  into _values
  from pg_constraint as foreign_key
  join pg_class as child
    on child.oid = foreign_key.conrelid
  join pg_class as parent
    on parent.oid = foreign_key.confrelid
  join pg_attribute as child_key
    on child_key.attrelid = foreign_key.conrelid
    and child_key.attnum = foreign_key.conkey[1]
  join pg_attribute as child_workspace
    on child_workspace.attrelid = foreign_key.conrelid
    and child_workspace.attnum = foreign_key.conkey[2]
  join pg_attribute as parent_key
    on parent_key.attrelid = foreign_key.confrelid
    and parent_key.attnum = foreign_key.confkey[1]
  join pg_attribute as parent_workspace
    on parent_workspace.attrelid = foreign_key.confrelid
    and parent_workspace.attnum = foreign_key.confkey[2]
  where foreign_key.conrelid = p_table
    and foreign_key.conname = 'usage_workspace_fkey';

  _values := _values || jsonb_build_object(
    'function', coalesce(
      (
        select format('usage.%I', routine.proname)
        from pg_trigger as present
        join pg_proc as routine
          on routine.oid = present.tgfoid
        where present.tgrelid = p_table
          and present.tgname = 'usage_workspace_insert'
      ),
      format('usage.%I', usage.generated_name(p_table, 'workspace', ''))
    ),
    'body', quote_literal(usage.fill_meter_template('workspace_column', _values))
  );
  execute usage.fill_meter_template('function', _values);
  execute usage.fill_meter_template('workspace_insert_trigger', _values);
  execute usage.fill_meter_template('workspace_update_trigger', _values);
end
$$;

comment on function usage.create_workspace_triggers(regclass) is 'Creates or replaces the triggers that keep a workspace column, and the function behind them, from the constraint usage_workspace_fkey.';

revoke execute on function usage.create_workspace_triggers(regclass) from public;
