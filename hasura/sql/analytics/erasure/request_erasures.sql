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

comment on function analytics.request_erasures() is 'Trigger function for the users table of the application: requests the erasure of deleted users. Attach it after delete for each statement, with the old table referenced as gone; the table has its key in a column id of type uuid.';

revoke execute on function analytics.request_erasures() from public;
