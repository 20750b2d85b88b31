create or replace function usage.generated_name(p_table regclass, p_prefix text, p_suffix text)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  _stem text;
begin
  select format('%s_%s_%s', p_prefix, namespace.nspname, class.relname)
  into _stem
  from pg_class as class
  join pg_namespace as namespace
    on namespace.oid = class.relnamespace
  where class.oid = p_table;
  -- Postgres cuts a name at 63 bytes: the suffix has to stay.
  if octet_length(_stem || p_suffix) > 63 then
    _stem := left(regexp_replace(_stem, '[^a-zA-Z0-9_]', '', 'g'), 33) || '_' || left(md5(_stem), 8);
  end if;
  -- The name is taken when a table was renamed or dropped, and another one came in its place.
  if exists (
    select
    from pg_proc as routine
    where routine.pronamespace = 'usage'::regnamespace
      and routine.proname = _stem || p_suffix
  ) then
    _stem := left(regexp_replace(_stem, '[^a-zA-Z0-9_]', '', 'g'), 33) || '_' || p_table::oid;
  end if;
  return _stem || p_suffix;
end
$$;

comment on function usage.generated_name(regclass, text, text) is 'A name of at most 63 bytes for a new function in the schema usage that belongs to a table: prefix_schema_table and the suffix.';

revoke execute on function usage.generated_name(regclass, text, text) from public;
