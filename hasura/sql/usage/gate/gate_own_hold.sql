create or replace function usage.gate_own_hold(p_line usage.gate_line)
returns usage.reservations
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select reservations
  from usage.reservations
  where reservations.id = p_line.reservation_id
    and reservations.status = 'held'
    and p_line.op = 'commit'
$$;

comment on function usage.gate_own_hold(usage.gate_line) is 'The reservation that a refused commit leaves as it was; null for any other line. Used for the figures of a refusal.';

revoke execute on function usage.gate_own_hold(usage.gate_line) from public;
