create or replace function usage.gate_claim_keys(p_lines usage.gate_line[])
returns usage.gate_claim[]
language plpgsql
as $$
declare
  v_claims usage.gate_claim[];
begin
  -- What is malformed or names nothing that is there stores nothing.
  v_claims := array(
    select row(
      keyed.n,
      first_value(keyed.n) over (partition by keyed.workspace_id, keyed.key order by keyed.n),
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
        line.n,
        line.workspace_id,
        line.key,
        sha256(convert_to(string_agg(line.content, chr(30) order by line.metric), 'UTF8')) as hash,
        min(line.op) as op,
        case when count(*) = 1 then min(line.metric) end as metric,
        case when count(*) = 1 then min(line.amount) end as amount
      from unnest(p_lines) as line
      where line.key is not null
        and line.op <> 'check'
      group by line.n, line.workspace_id, line.key
      having bool_and(line.reason is null)
    ) as keyed
    order by keyed.n
  );
  if cardinality(v_claims) = 0 then
    return v_claims;
  end if;

  -- In key order. The insert waits for a transaction that holds the same key.
  insert into usage.ledger as entry (workspace_id, idempotency_key, op, metric, amount, request_hash)
  select claim.workspace_id, claim.key, claim.op, claim.metric, claim.amount, claim.hash
  from unnest(v_claims) as claim
  where claim.first = claim.n
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

  -- A statement of its own, which sees what the transaction that was waited for has committed. Nobody else's row is
  -- without an answer: where it is missing the key is this call's.
  return array(
    select row(
      claim.n, claim.first, claim.workspace_id, claim.key, claim.hash,
      entry.answer is null and claim.first = claim.n,
      entry.answer is not null and entry.request_hash <> claim.hash,
      case when entry.request_hash = claim.hash then entry.answer end,
      claim.op, claim.metric, claim.amount
    )::usage.gate_claim
    from unnest(v_claims) as claim
    join usage.ledger as entry
      on entry.workspace_id = claim.workspace_id
      and entry.idempotency_key = claim.key
    order by claim.n
  );
end
$$;

comment on function usage.gate_claim_keys(usage.gate_line[]) is 'Claims the idempotency keys of a call, in key order, and finds the answers that are stored already.';

revoke execute on function usage.gate_claim_keys(usage.gate_line[]) from public;
