create or replace trigger users_request_erasures
  after delete on public.users
  referencing old table as gone
  for each statement execute function analytics.request_erasures();

comment on trigger users_request_erasures on public.users is 'Requests the erasure of the events of deleted users.';
