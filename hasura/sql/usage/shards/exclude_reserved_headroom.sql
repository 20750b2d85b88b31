create or replace function usage.exclude_reserved_headroom()
returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  update usage.counters c
  set
    headroom = 0,
    headroom_until = '-infinity'
  where c.workspace_id = new.workspace_id
    and c.metric = new.metric
    and c.headroom > 0;
  return null;
end
$$;

comment on function usage.exclude_reserved_headroom() is 'Whoever writes a reservation, what it holds is not given out as headroom';

revoke execute on function usage.exclude_reserved_headroom() from public;

create or replace trigger reservations_exclude_reserved_headroom
  after insert or update of amount, expires_at, status on usage.reservations
  for each row
  when (new.status = 'held')
  execute function usage.exclude_reserved_headroom();
