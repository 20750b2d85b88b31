create or replace function usage.gate_admit(p_line usage.gate_line, p_counter usage.gate_counter)
returns usage.gate_line
language plpgsql
stable
as $$
begin
  p_line.granted := p_line.amount;
  if not p_counter.included then
    p_line.reason := usage.not_included_reason(p_counter.workspace_id, p_counter.metric);
  elsif p_line.amount > p_counter.free then
    if p_line.is_partial and p_counter.free > 0 then
      p_line.granted := p_counter.free;
    else
      p_line.reason := 'usage-limit-exceeded';
    end if;
  -- An unlimited counter must not overflow bigint.
  elsif p_line.amount > 9000000000000000000 - p_counter.used - p_counter.reserved then
    p_line.reason := 'invalid-input';
  end if;
  return p_line;
end
$$;

comment on function usage.gate_admit(usage.gate_line, usage.gate_counter) is 'Decides a check, consume or reserve against the counter of its workspace. Returns the line with granted, and with reason where it is refused. Changes nothing. A step of usage.gate_many.';

revoke execute on function usage.gate_admit(usage.gate_line, usage.gate_counter) from public;
