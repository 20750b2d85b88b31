create or replace function analytics.request_erasures()
returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into analytics.erasures (user_id)
  select gone.id
  from gone
  on conflict do nothing;
  return null;
end
$$;

comment on function analytics.request_erasures() is 'Puts deleted people on the list of those whose events go.';

revoke execute on function analytics.request_erasures() from public;
