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
  v_counter usage.gate_counter;
begin
  insert into usage.reservations (id, workspace_id, metric, amount, status, expires_at, period_start, member_id)
  select
    line.reservation_id, line.workspace_id, line.metric, line.granted, 'held', line.expires_at,
    p_counters[line.counter].period_start, line.member_id
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

  foreach v_counter in array p_counters loop
    if v_counter.delta > 0 and v_counter.member_id is not null then
      perform usage.add_to_members(
        array[v_counter.workspace_id], array[v_counter.metric], array[v_counter.member_id], array[v_counter.delta], false
      );
    elsif v_counter.delta > 0 then
      perform usage.add(v_counter.workspace_id, v_counter.metric, v_counter.delta, false);
    end if;
  end loop;

  update usage.ledger
  set allowed = (p_answers[claim.n] ->> 'allowed')::boolean,
    answer = p_answers[claim.n]
  from unnest(p_claims) as claim
  where claim.is_owner
    and ledger.workspace_id = claim.workspace_id
    and ledger.idempotency_key = claim.key;
end
$$;

comment on function usage.gate_store(usage.gate_line[], usage.gate_counter[], usage.reservations[], usage.gate_claim[], jsonb[]) is 'Writes what a call has decided: a statement for each table, one change for each counter.';

revoke execute on function usage.gate_store(usage.gate_line[], usage.gate_counter[], usage.reservations[], usage.gate_claim[], jsonb[]) from public;
