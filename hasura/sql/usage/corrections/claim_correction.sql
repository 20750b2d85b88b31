create or replace function usage.claim_correction(
  p_workspace_id uuid,
  p_key text,
  p_op text,
  p_metric text,
  p_amount bigint,
  p_hash bytea,
  p_event_key text,
  p_note text
)
returns usage.gate_claim
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _claim usage.gate_claim;
begin
  -- The insert waits for a transaction that has claimed the same key.
  insert into usage.ledger as entry (workspace_id, idempotency_key, op, metric, amount, request_hash, corrects, note)
  values (p_workspace_id, p_key, p_op, p_metric, p_amount, p_hash, p_event_key, p_note)
  on conflict on constraint ledger_pkey do update
    set op = excluded.op,
      metric = excluded.metric,
      amount = excluded.amount,
      request_hash = excluded.request_hash,
      corrects = excluded.corrects,
      note = excluded.note,
      occurred_at = null,
      delta = null,
      allowed = null,
      answer = null,
      created_at = excluded.created_at
    where entry.created_at < now() - interval '34 days';

  -- A separate statement, because the insert does not see what the transaction that it waited for has committed.
  select
    ledger.answer is null,
    ledger.request_hash <> p_hash,
    case when ledger.request_hash = p_hash then ledger.answer end
  into _claim.is_owner, _claim.is_conflict, _claim.answer
  from usage.ledger
  where ledger.workspace_id = p_workspace_id
    and ledger.idempotency_key = p_key;
  return _claim;
end
$$;

comment on function usage.claim_correction(uuid, text, text, text, bigint, bytea, text, text) is 'Claims the idempotency key of a correction in usage.ledger, as usage.gate_claim_keys does for requests: returns the stored answer, a conflict where the key has other content, or is_owner. Waits for a transaction that has claimed the same key. A step of usage.correct.';

revoke execute on function usage.claim_correction(uuid, text, text, text, bigint, bytea, text, text) from public;
