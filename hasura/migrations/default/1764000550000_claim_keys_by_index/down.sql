do $do$
declare
  change record;
  definition text;
begin
  for change in
    select *
    from (
      values
        (
          'usage.gate_many(jsonb)',
          $from$        if v_claim.hash = (
          select claim.hash
          from unnest(v_claims) as claim
          where claim.n = v_claim.first
        ) then
$from$,
          $to$        if v_claims[(
          select claim.place
          from unnest(v_claims) with ordinality as claim (n, first, workspace_id, key, hash, is_owner, is_conflict, answer, place)
          where claim.n = v_claim.first
        )].hash = v_claim.hash then
$to$
        ),
        (
          'usage.gate_parse(jsonb)',
          $from$case when element.value ? 'items' then usage.gate_items(element.value) end as list$from$,
          'usage.gate_items(element.value) as list'
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

create or replace function usage.gate_claim_keys(p_lines usage.gate_line[]) returns usage.gate_claim[]
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_claims usage.gate_claim[];
  v_claimed integer[];
  v_claim usage.gate_claim;
  v_stored record;
begin
  -- What is malformed or names nothing that is there stores nothing.
  select array_agg(
    row(
      request.n, request.first, request.workspace_id, request.key, request.hash, false, false, null
    )::usage.gate_claim
    order by request.n
  )
  into v_claims
  from (
    select
      keyed.n,
      first_value(keyed.n) over (partition by keyed.workspace_id, keyed.key order by keyed.n) as first,
      keyed.workspace_id,
      keyed.key,
      keyed.hash
    from (
      select
        line.n,
        line.workspace_id,
        line.key,
        sha256(convert_to(string_agg(line.content, chr(30) order by line.metric), 'UTF8')) as hash
      from unnest(p_lines) as line
      where line.key is not null
        and line.op <> 'check'
      group by line.n, line.workspace_id, line.key
      having bool_and(line.reason is null)
    ) as keyed
  ) as request;
  if v_claims is null then
    return '{}';
  end if;

  -- In key order. The insert waits for a transaction that holds the same key.
  with claimed as (
    insert into usage.ledger as entry (workspace_id, idempotency_key, op, metric, amount, request_hash)
    select claim.workspace_id, claim.key, line.op, line.metric, line.amount, claim.hash
    from unnest(v_claims) as claim
    join (
      select
        part.n,
        min(part.op) as op,
        case when count(*) = 1 then min(part.metric) end as metric,
        case when count(*) = 1 then min(part.amount) end as amount
      from unnest(p_lines) as part
      group by part.n
    ) as line on line.n = claim.n
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
    where entry.created_at < now() - interval '34 days'
    returning workspace_id, idempotency_key
  )
  select coalesce(array_agg(claim.n), '{}')
  into v_claimed
  from claimed
  join unnest(v_claims) as claim
    on claim.workspace_id = claimed.workspace_id
    and claim.key = claimed.idempotency_key
    and claim.first = claim.n;

  -- A statement of its own, which sees what the transaction that was waited for has committed.
  for v_stored in
    select

      claim.place::integer as place,
      entry.answer as stored_answer,
      entry.request_hash as stored_hash
    from unnest(v_claims) with ordinality as claim (n, first, workspace_id, key, hash, is_owner, is_conflict, answer, place)
    left join usage.ledger as entry
      on entry.workspace_id = claim.workspace_id
      and entry.idempotency_key = claim.key
      and entry.answer is not null
  loop
    v_claim := v_claims[v_stored.place];
    v_claim.is_owner := v_claim.n = any (v_claimed);
    if v_stored.stored_hash = v_claim.hash then
      v_claim.answer := v_stored.stored_answer;
    elsif v_stored.stored_hash is not null then
      v_claim.is_conflict := true;
    end if;
    v_claims[v_stored.place] := v_claim;
  end loop;
  return v_claims;
end
$$;

alter type usage.gate_claim
  drop attribute op,
  drop attribute metric,
  drop attribute amount;

alter function usage.gate_store(usage.gate_line[], usage.gate_counter[], usage.reservations[], usage.gate_claim[], jsonb[]) set search_path = pg_catalog, pg_temp;
alter function usage.gate_parse(jsonb) set search_path = pg_catalog, pg_temp;

alter function usage.gate_many(jsonb) reset enable_seqscan;
alter function usage.gate_many(jsonb) reset enable_bitmapscan;
alter function usage.gate_many(jsonb) reset enable_mergejoin;
alter function usage.gate_many(jsonb) reset enable_hashjoin;
