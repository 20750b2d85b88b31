create or replace function usage.gate_apply(
  p_line usage.gate_line,
  p_counter usage.gate_counter,
  p_reservation usage.reservations
)
returns usage.gate_counter
language plpgsql
immutable
as $$
declare
  -- A commit of a metric that rows feed only ends its reservation: the rows count themselves.
  _used constant bigint := case
    when p_line.op = 'consume' or (p_line.op = 'commit' and p_line.feed = 'gate') then p_line.granted
    else 0
  end;
  _reserved constant bigint := case
    when p_line.op = 'reserve' then p_line.granted
    when p_line.op in ('commit', 'release') then -p_reservation.amount
    else 0
  end;
begin
  p_counter.used := p_counter.used + _used;
  p_counter.reserved := p_counter.reserved + _reserved;
  p_counter.free := p_counter.free - _used - _reserved;
  p_counter.delta := p_counter.delta + _used;
  return p_counter;
end
$$;

comment on function usage.gate_apply(usage.gate_line, usage.gate_counter, usage.reservations) is 'The counter after an allowed line; delta adds up what usage.gate_store has to write. Changes no row. A step of usage.gate_many.';

revoke execute on function usage.gate_apply(usage.gate_line, usage.gate_counter, usage.reservations) from public;
