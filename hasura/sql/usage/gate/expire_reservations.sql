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

comment on function usage.expire_reservations() is 'Marks the reservations whose time is over as expired and returns how many. It changes no figure: a reservation stops counting against the limit at expires_at, marked or not. It skips rows that a transaction has locked. The cron job usage_expire_reservations calls it.';

revoke execute on function usage.expire_reservations() from public;
