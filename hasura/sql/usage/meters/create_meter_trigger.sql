create or replace function usage.create_meter_trigger(
  p_table regclass,
  p_event text,
  p_suffix text,
  p_body text
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _trigger constant text := 'usage_meter_' || p_event || p_suffix;
  _function text;
  _values jsonb;
begin
  select format('%I.%I', namespace.nspname, routine.proname)
  into _function
  from pg_trigger as present
  join pg_proc as routine
    on routine.oid = present.tgfoid
  join pg_namespace as namespace
    on namespace.oid = routine.pronamespace
  where present.tgrelid = p_table
    and present.tgname = _trigger;

  _values := jsonb_build_object(
    'table', p_table,
    'trigger', quote_ident(_trigger),
    'function', coalesce(
      _function,
      format('usage.%I', usage.generated_name(p_table, 'meter', '_' || p_event || p_suffix))
    ),
    'body', quote_literal(p_body)
  );
  execute usage.fill_meter_template('function', _values);
  case p_event
    when 'insert' then
      execute usage.fill_meter_template('insert_trigger', _values);
    when 'update' then
      execute usage.fill_meter_template('update_trigger', _values);
    when 'delete' then
      execute usage.fill_meter_template('delete_trigger', _values);
    when 'truncate' then
      execute usage.fill_meter_template('truncate_trigger', _values);
  end case;
end
$$;

comment on function usage.create_meter_trigger(regclass, text, text, text) is 'Creates or replaces a statement trigger of a metered table and the function behind it. The function runs with the rights of its owner; public may not call it.';

revoke execute on function usage.create_meter_trigger(regclass, text, text, text) from public;
