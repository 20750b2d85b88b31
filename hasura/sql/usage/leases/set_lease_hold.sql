create or replace function usage.set_lease_hold(
  p_id uuid,
  p_workspace_id uuid,
  p_metric text,
  p_holder text,
  p_amount bigint,
  p_period_start timestamptz,
  p_ttl integer
)
returns uuid
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _id uuid;
begin
  if p_id is not null and p_amount > 0 then
    update usage.reservations
    set amount = p_amount,
      expires_at = clock_timestamp() + make_interval(secs => p_ttl),
      period_start = p_period_start
    where id = p_id;
    return p_id;
  elsif p_id is not null then
    update usage.reservations
    set status = 'released',
      committed_amount = 0
    where id = p_id;
  elsif p_amount > 0 then
    insert into usage.reservations (workspace_id, metric, amount, status, expires_at, period_start, lease_holder)
    values (
      p_workspace_id, p_metric, p_amount, 'held', clock_timestamp() + make_interval(secs => p_ttl), p_period_start, p_holder
    )
    returning id
    into _id;
  end if;
  return _id;
end
$$;

comment on function usage.set_lease_hold(uuid, uuid, text, text, bigint, timestamptz, integer) is 'Makes the reservation of a lease keep an amount for p_ttl seconds from now: creates it, renews it, or releases it for an amount of 0. Returns its id, null where there is none. A step of usage.draw_lease, which has locked the counter and the reservation.';

revoke execute on function usage.set_lease_hold(uuid, uuid, text, text, bigint, timestamptz, integer) from public;
