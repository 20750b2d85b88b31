create or replace function usage.expire_reservations()
returns integer
language sql
security definer
set search_path = pg_catalog, pg_temp
as $$
  with due as (
    select reservations.id
    from usage.reservations
    where reservations.status = 'held'
      and reservations.expires_at <= now()
    for update skip locked
  ),
  expired as (
    update usage.reservations
    set status = 'expired'
    from due
    where reservations.id = due.id
    returning 1
  )
  select count(*)::integer
  from expired
$$;

comment on function usage.expire_reservations() is 'Marks reservations whose time is over; they hold nothing from that time on, with or without the mark.';

revoke execute on function usage.expire_reservations() from public;
