create or replace function usage.gate_lock_reservations(p_lines usage.gate_line[])
returns usage.reservations[]
language plpgsql
as $$
declare
  _reservation usage.reservations;
  _reservations usage.reservations[] := '{}'::usage.reservations[];
begin
  for _reservation in
    select *
    from usage.reservations
    where reservations.id in (
      select line.reservation_id
      from unnest(p_lines) as line
      where line.reason is null
        and line.reservation_id is not null
    )
    order by reservations.id
    for update
  loop
    _reservations := _reservations || _reservation;
  end loop;
  return _reservations;
end
$$;

comment on function usage.gate_lock_reservations(usage.gate_line[]) is 'Locks the reservations that the lines settle, in the order of their ids, and returns them. The caller has locked their counters, as every call that settles a reservation does. A step of usage.gate_many.';

revoke execute on function usage.gate_lock_reservations(usage.gate_line[]) from public;
