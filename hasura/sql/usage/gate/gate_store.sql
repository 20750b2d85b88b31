create or replace function usage.gate_store(
  p_lines usage.gate_line[],
  p_counters usage.gate_counter[],
  p_reservations usage.reservations[],
  p_claims usage.gate_claim[],
  p_answers jsonb[]
)
returns void
language plpgsql
as $$
declare
  _counter usage.gate_counter;
begin
  -- A granted reserve is the only one with a reservation_id.
  insert into usage.reservations (id, workspace_id, metric, amount, status, expires_at, period_start, member_id)
  select
    line.reservation_id,
    line.workspace_id,
    line.metric,
    line.granted,
    'held',
    line.expires_at,
    p_counters[line.counter_no].period_start,
    line.member_id
  from unnest(p_lines) as line
  where line.op = 'reserve'
    and line.reservation_id is not null;

  update usage.reservations
  set status = settled.status,
    committed_amount = settled.committed_amount,
    expires_at = settled.expires_at,
    answer = settled.answer
  from unnest(p_reservations) as settled
  where reservations.id = settled.id
    and (reservations.status, reservations.expires_at) is distinct from (settled.status, settled.expires_at);

  -- The counters of members stand behind those of the workspaces, in the order in which they are locked.
  foreach _counter in array p_counters loop
    if _counter.delta > 0 and _counter.member_id is not null then
      perform usage.add_to_members(
        array[_counter.workspace_id], array[_counter.metric], array[_counter.member_id], array[_counter.delta], false
      );
    elsif _counter.delta > 0 then
      perform usage.add(_counter.workspace_id, _counter.metric, _counter.delta, false);
    end if;
  end loop;

  update usage.ledger
  set allowed = (p_answers[claim.request_no] ->> 'allowed')::boolean,
    answer = p_answers[claim.request_no]
  from unnest(p_claims) as claim
  where claim.is_owner
    and ledger.workspace_id = claim.workspace_id
    and ledger.idempotency_key = claim.key;
end
$$;

comment on function usage.gate_store(usage.gate_line[], usage.gate_counter[], usage.reservations[], usage.gate_claim[], jsonb[]) is 'Writes what a call has decided: reservations and ledger with one statement each, counters with one addition each, which are not checked again. The last step of usage.gate_many.';

revoke execute on function usage.gate_store(usage.gate_line[], usage.gate_counter[], usage.reservations[], usage.gate_claim[], jsonb[]) from public;
