create or replace function usage.gate_claim_keys(p_lines usage.gate_line[])
returns usage.gate_claim[]
language plpgsql
as $$
declare
  _claims usage.gate_claim[];
begin
  -- A request that is malformed, or names something unknown, claims no key and stores nothing.
  _claims := array(
    select row(
      keyed.request_no,
      first_value(keyed.request_no) over (partition by keyed.workspace_id, keyed.key order by keyed.request_no),
      keyed.workspace_id,
      keyed.key,
      keyed.hash,
      false,
      false,
      null,
      keyed.op,
      keyed.metric,
      keyed.amount
    )::usage.gate_claim
    from (
      select
        line.request_no,
        line.workspace_id,
        line.key,
        sha256(convert_to(string_agg(line.content, chr(30) order by line.metric), 'UTF8')) as hash,
        min(line.op) as op,
        case when count(*) = 1 then min(line.metric) end as metric,
        case when count(*) = 1 then min(line.amount) end as amount
      from unnest(p_lines) as line
      where line.key is not null
        and line.op <> 'check'
      group by line.request_no, line.workspace_id, line.key
      having bool_and(line.reason is null)
    ) as keyed
    order by keyed.request_no
  );
  if cardinality(_claims) = 0 then
    return _claims;
  end if;

  -- In key order, so that two calls cannot deadlock. The insert waits for a transaction that has claimed the same key.
  insert into usage.ledger as entry (workspace_id, idempotency_key, op, metric, amount, request_hash)
  select claim.workspace_id, claim.key, claim.op, claim.metric, claim.amount, claim.hash
  from unnest(_claims) as claim
  where claim.first_request_no = claim.request_no
  order by claim.workspace_id, claim.key
  on conflict on constraint ledger_pkey do update
    set op = excluded.op,
      metric = excluded.metric,
      amount = excluded.amount,
      request_hash = excluded.request_hash,
      occurred_at = null,
      corrects = null,
      delta = null,
      note = null,
      allowed = null,
      answer = null,
      created_at = excluded.created_at
    where entry.created_at < now() - interval '34 days';

  -- A separate statement, because the insert does not see what the transaction that it waited for has committed.
  -- Only this transaction sees its own rows without an answer: such a key is claimed by this call.
  return array(
    select row(
      claim.request_no,
      claim.first_request_no,
      claim.workspace_id,
      claim.key,
      claim.hash,
      entry.answer is null and claim.first_request_no = claim.request_no,
      entry.request_hash <> claim.hash,
      case when entry.request_hash = claim.hash then entry.answer end,
      claim.op,
      claim.metric,
      claim.amount
    )::usage.gate_claim
    from unnest(_claims) as claim
    join usage.ledger as entry
      on entry.workspace_id = claim.workspace_id
      and entry.idempotency_key = claim.key
    order by claim.request_no
  );
end
$$;

comment on function usage.gate_claim_keys(usage.gate_line[]) is 'Claims the idempotency keys of a call in usage.ledger, in key order, and returns one claim for each request with a key: the stored answer, a conflict where the key has other content, or neither, in which case the call has to decide. Waits for a transaction that has claimed the same key. A step of usage.gate_many.';

revoke execute on function usage.gate_claim_keys(usage.gate_line[]) from public;
