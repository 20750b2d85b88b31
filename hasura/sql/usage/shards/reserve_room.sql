create or replace function usage.reserve_room()
returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  update usage.counters c
  set
    room = 0,
    room_until = '-infinity'
  where c.workspace_id = new.workspace_id
    and c.metric = new.metric
    and c.room > 0;
  return null;
end
$$;

comment on function usage.reserve_room() is 'Whoever writes a reservation, what it holds is not given out as room';

revoke execute on function usage.reserve_room() from public;

create or replace trigger reservations_reserve_room
  after insert or update of amount, expires_at, status on usage.reservations
  for each row
  when (new.status = 'held')
  execute function usage.reserve_room();
