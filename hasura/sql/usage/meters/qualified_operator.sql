create or replace function usage.qualified_operator(p_operator oid)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select format('operator(%I.%s)', namespace.nspname, operator.oprname)
  from pg_operator as operator
  join pg_namespace as namespace
    on namespace.oid = operator.oprnamespace
  where operator.oid = p_operator
$$;

comment on function usage.qualified_operator(oid) is 'An operator as SQL that does not depend on the search path: operator(pg_catalog.=).';

revoke execute on function usage.qualified_operator(oid) from public;
