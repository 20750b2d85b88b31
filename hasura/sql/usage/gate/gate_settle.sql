create or replace function usage.gate_settle(
  p_line usage.gate_line,
  p_counter usage.gate_counter,
  p_reservation usage.reservations
)
returns usage.gate_line
language plpgsql
stable
as $$
begin
  if p_reservation.id is null then
    p_line.reason := 'reservation-not-found';
  elsif (p_line.op = 'commit' and p_reservation.status = 'committed')
    or (p_line.op = 'release' and p_reservation.status = 'released')
  then
    if p_line.op = 'commit' and p_line.amount <> p_reservation.committed_amount then
      p_line.reason := 'idempotency-conflict';
    else
      p_line.first_answer := p_reservation.answer;
      p_line.granted := p_reservation.committed_amount;
    end if;
  elsif p_reservation.status in ('committed', 'released') then
    p_line.reason := 'reservation-not-found';
  -- By the wall clock under the counter's lock: a call that was given the units after the expiry had this lock before.
  elsif p_reservation.status = 'expired' or p_reservation.expires_at <= clock_timestamp() then
    p_line.reason := 'reservation-expired';
  elsif p_line.op = 'extend' then
    p_line.amount := p_reservation.amount;
    p_line.granted := p_reservation.amount;
    -- Never shorter: the caller of an earlier extend may rely on the time that it was given.
    p_line.expires_at := greatest(p_reservation.expires_at, clock_timestamp() + make_interval(secs => p_line.ttl));
  elsif p_line.op = 'release' then
    p_line.amount := p_reservation.amount;
    p_line.granted := 0;
  else
    p_line.amount := coalesce(p_line.amount, p_reservation.amount);
    p_line.granted := p_line.amount;
    if p_line.amount > p_reservation.amount
      and (p_line.feed = 'rows' or p_counter.enforcement is distinct from 'soft' or not p_counter.included)
    then
      p_line.reason := 'invalid-input';
    elsif p_line.feed = 'gate'
      -- Within its period and its amount, a reservation already counts against the limit.
      and (p_line.amount > p_reservation.amount or p_reservation.period_start is distinct from p_counter.period_start)
      and p_line.amount > p_counter.free + p_reservation.amount
    then
      p_line.reason := case
        when p_counter.included then 'usage-limit-exceeded'
        else usage.not_included_reason(p_counter.workspace_id, p_counter.metric)
      end;
    -- An unlimited counter must not overflow bigint.
    elsif p_line.amount > 9000000000000000000 - p_counter.used - p_counter.reserved then
      p_line.reason := 'invalid-input';
    end if;
  end if;
  return p_line;
end
$$;

comment on function usage.gate_settle(usage.gate_line, usage.gate_counter, usage.reservations) is 'Decides a commit, release or extend by the state of its reservation and, for a commit, the counter. Returns the line with granted, with first_answer where it repeats the settlement, or with reason where it is refused. Changes nothing. A step of usage.gate_many.';

revoke execute on function usage.gate_settle(usage.gate_line, usage.gate_counter, usage.reservations) from public;
