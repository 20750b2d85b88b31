create or replace function usage.meter_total(p_branches text)
returns text
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
  select 'select u.workspace_id, u.metric, sum(u.amount)::bigint as amount from ('
    || p_branches
    || E'\n) u where u.workspace_id is not null group by u.workspace_id, u.metric'
    || ' having sum(u.amount) <> 0 order by u.workspace_id, u.metric'
$$;

revoke execute on function usage.meter_total(text) from public;
