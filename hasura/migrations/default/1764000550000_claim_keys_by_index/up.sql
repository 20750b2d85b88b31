-- Ledger and reservations grow by thousands of rows between two looks of autovacuum, and a plan that was made while they
-- were empty joins them whole: 22 ms for 32 requests with keys instead of 4. Inside the gate every row is found by its key.
alter function usage.gate_many(jsonb) set enable_hashjoin to off;
alter function usage.gate_many(jsonb) set enable_mergejoin to off;
alter function usage.gate_many(jsonb) set enable_bitmapscan to off;
alter function usage.gate_many(jsonb) set enable_seqscan to off;

-- Run inside usage.gate_many alone, which has set the path.
alter function usage.gate_parse(jsonb) reset search_path;
alter function usage.gate_store(usage.gate_line[], usage.gate_counter[], usage.reservations[], usage.gate_claim[], jsonb[]) reset search_path;

-- What the ledger records of the request goes with its claim, or the two would have to be joined again.
alter type usage.gate_claim
  add attribute op text,
  add attribute metric text,
  add attribute amount bigint;

create or replace function usage.gate_claim_keys(p_lines usage.gate_line[]) returns usage.gate_claim[]
language plpgsql
volatile
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

do $do$
declare
  change record;
  definition text;
begin
  for change in
    select *
    from (
      values
        -- A call for each request that names one metric.
        (
          'usage.gate_parse(jsonb)',
          'usage.gate_items(element.value) as list',
          $to$case when element.value ? 'items' then usage.gate_items(element.value) end as list$to$
        ),
        (
          'usage.gate_many(jsonb)',
          $from$        if v_claims[(
          select claim.place
          from unnest(v_claims) with ordinality as claim (n, first, workspace_id, key, hash, is_owner, is_conflict, answer, place)
          where claim.n = v_claim.first
        )].hash = v_claim.hash then
$from$,
          $to$        if v_claim.hash = (
          select claim.hash
          from unnest(v_claims) as claim
          where claim.n = v_claim.first
        ) then
$to$
        )
    ) as changes (function_name, old_text, new_text)
  loop
    definition := pg_get_functiondef(change.function_name::regprocedure);
    if position(change.old_text in definition) = 0 then
      raise exception '% does not hold %', change.function_name, change.old_text;
    end if;
    execute replace(definition, change.old_text, change.new_text);
  end loop;
end
$do$;
