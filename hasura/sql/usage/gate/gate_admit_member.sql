create or replace function usage.gate_admit_member(
  p_line usage.gate_line,
  p_counter usage.gate_counter,
  p_reservation usage.reservations
)
returns usage.gate_line
language plpgsql
immutable
as $$
begin
  case
    when p_line.op in ('check', 'consume', 'reserve') then
      if p_line.granted > p_counter.free then
        if p_line.is_partial and p_counter.free > 0 then
          p_line.granted := p_counter.free;
        else
          p_line.reason := 'usage-limit-exceeded';
        end if;
      end if;
    when p_line.op = 'commit' and p_line.feed = 'gate' then
      -- As in usage.gate_settle: within its period and its amount, a reservation already counts against the limit.
      if (p_line.granted > p_reservation.amount or p_reservation.period_start is distinct from p_counter.period_start)
        and p_line.granted > p_counter.free + p_reservation.amount
      then
        p_line.reason := 'usage-limit-exceeded';
      end if;
    else
      null;
  end case;
  if p_line.reason is not null then
    p_line.limited_by := 'member-limit';
  end if;
  return p_line;
end
$$;

comment on function usage.gate_admit_member(usage.gate_line, usage.gate_counter, usage.reservations) is 'Decides a line that the workspace allows against the counter of its member. Returns the line with granted, and with reason and limited_by where it is refused. Changes nothing. A step of usage.gate_many.';

revoke execute on function usage.gate_admit_member(usage.gate_line, usage.gate_counter, usage.reservations) from public;
