create or replace function usage.exclude_reserved_headroom()
returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  update usage.counters as counter
  set
    headroom = 0,
    headroom_until = '-infinity'
  where counter.workspace_id = new.workspace_id
    and counter.metric = new.metric
    and counter.headroom > 0;
  return null;
end
$$;

comment on function usage.exclude_reserved_headroom() is 'Voids the headroom on a counter''s row when a reservation of its metric is written, so that the next addition computes it without the reserved units. A trigger, so that it holds for every writer of usage.reservations';

revoke execute on function usage.exclude_reserved_headroom() from public;

create or replace trigger reservations_exclude_reserved_headroom
  after insert or update of amount, expires_at, status on usage.reservations
  for each row
  when (new.status = 'held')
  execute function usage.exclude_reserved_headroom();
