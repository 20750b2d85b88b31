create or replace function usage.create_meter_trigger(
  p_table regclass,
  p_stem text,
  p_timing text,
  p_event text,
  p_referencing text,
  p_body text
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _function text := format('usage.%I', p_stem || '_' || p_event);
begin
  execute format(
    'create function %s() returns trigger language plpgsql security definer set search_path = pg_catalog, pg_temp as %L',
    _function, p_body
  );
  execute format('revoke execute on function %s() from public', _function);
  execute format(
    'create trigger %I %s %s on %s %s for each statement execute function %s()',
    'usage_meter_' || p_event, p_timing, p_event, p_table, p_referencing, _function
  );
end
$$;

comment on function usage.create_meter_trigger(regclass, text, text, text, text, text) is 'Creates one statement trigger of a metered table and the function behind it; the function runs with the rights of its owner';

revoke execute on function usage.create_meter_trigger(regclass, text, text, text, text, text) from public;
