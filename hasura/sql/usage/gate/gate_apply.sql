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
  v_used bigint := 0;
  v_held bigint := 0;
begin
  case p_line.op
    when 'consume' then
      v_used := p_line.granted;
    when 'reserve' then
      v_held := p_line.granted;
    when 'commit' then
      v_held := -p_reservation.amount;
      if p_line.feed = 'gate' then
        v_used := p_line.granted;
      end if;
    when 'release' then
      v_held := -p_reservation.amount;
    else
      return p_counter;
  end case;
  p_counter.used := p_counter.used + v_used;
  p_counter.held := p_counter.held + v_held;
  p_counter.free := p_counter.free - v_used - v_held;
  p_counter.delta := p_counter.delta + v_used;
  return p_counter;
end
$$;

comment on function usage.gate_apply(usage.gate_line, usage.gate_counter, usage.reservations) is 'The counter after an allowed line.';

revoke execute on function usage.gate_apply(usage.gate_line, usage.gate_counter, usage.reservations) from public;
