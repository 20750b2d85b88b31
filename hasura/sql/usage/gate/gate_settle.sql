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
      p_line.replayed := p_reservation.answer;
      p_line.granted := p_reservation.committed_amount;
    end if;
  elsif p_reservation.status in ('committed', 'released') then
    p_line.reason := 'reservation-not-found';
  elsif p_reservation.status = 'expired' or p_reservation.expires_at <= clock_timestamp() then
    -- Read under the counter's lock: whoever used the headroom of the expired hold held that lock before.
    p_line.reason := 'reservation-expired';
  elsif p_line.op = 'extend' then
    p_line.amount := p_reservation.amount;
    p_line.granted := p_reservation.amount;
    -- Never shorter: an owner of the hold that asked before may rely on the time it was given.
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
      -- A hold that is committed in its own period and for no more than it held has its headroom already.
      and (p_line.amount > p_reservation.amount or p_reservation.period_start is distinct from p_counter.period_start)
      and p_line.amount > p_counter.free + p_reservation.amount
    then
      p_line.reason := case
        when p_counter.included then 'usage-limit-exceeded'
        else usage.not_included_reason(p_counter.workspace_id, p_counter.metric)
      end;
    elsif p_line.amount > 9000000000000000000 - p_counter.used - p_counter.held then
      p_line.reason := 'invalid-input';
    end if;
  end if;
  return p_line;
end
$$;

comment on function usage.gate_settle(usage.gate_line, usage.gate_counter, usage.reservations) is 'Decides a commit, a release or an extend by the state of the reservation; changes nothing.';

revoke execute on function usage.gate_settle(usage.gate_line, usage.gate_counter, usage.reservations) from public;
