-- usage.gate_many was one function of five hundred lines. Each step is one of its own now, and what was a statement a
-- request (the reservations) is a statement a call.

alter table usage.ledger
  drop constraint ledger_op_known;

alter table usage.ledger
  add constraint ledger_op_known check (op in ('consume', 'reserve', 'commit', 'release', 'extend'));

-- A soft metric may be committed above its hold.
alter table usage.reservations
  drop constraint reservations_committed_amount_range;

alter table usage.reservations
  add constraint reservations_committed_amount_range check (committed_amount >= 0);

create type usage.gate_line as (
  n integer,
  item integer,
  op text,
  workspace_id uuid,
  metric text,
  feed text,
  amount bigint,
  is_partial boolean,
  ttl integer,
  key text,
  reservation_id uuid,
  content text,
  reason text,
  limited_by text,
  granted bigint,
  expires_at timestamptz,
  counter integer,
  reservation integer,
  replayed jsonb
);

comment on type usage.gate_line is
  'One metric of one request on its way through the gate: what was asked (n is the place of the request, item its place in a list), then what was decided. counter and reservation are places in the arrays beside it.';

create type usage.gate_claim as (
  n integer,
  first integer,
  workspace_id uuid,
  key text,
  hash bytea,
  is_owner boolean,
  is_conflict boolean,
  answer jsonb
);

comment on type usage.gate_claim is
  'What an idempotency key means for its request: is_owner decides and stores, answer repeats, is_conflict refuses; first is the request of the same call that came first with the key.';

create type usage.gate_counter as (
  workspace_id uuid,
  metric text,
  kind text,
  period_start timestamptz,
  period_end timestamptz,
  limit_value bigint,
  included boolean,
  enforcement text,
  source text,
  used bigint,
  held bigint,
  free bigint,
  delta bigint
);

comment on type usage.gate_counter is
  'A counter under the lock of the call: what it holds after the requests decided so far. free is what may still be given, null without a ceiling; delta is what the call adds.';

create function usage.gate_parse(p_requests jsonb) returns usage.gate_line[]
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  c_uuid constant text := '^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$';
  c_most constant bigint := 9007199254740991;
begin
  -- Each step is fenced: flattened into one, its expressions would run once for every use. The lookups are scalar
  -- subqueries, which stay index lookups however many requests the planner expects.
  return array(
    select row(
      judged.n, judged.item, judged.op, judged.workspace_id, judged.metric, judged.feed, judged.amount,
      judged.is_partial, judged.ttl, judged.key, judged.reservation_id,
      concat_ws(
        chr(31),
        case when judged.item is null then judged.op else judged.op || '[]' end,
        coalesce(judged.reservation_id::text, judged.metric),
        judged.amount::text,
        case when judged.op in ('reserve', 'extend') then judged.ttl::text end,
        case when judged.is_partial then 'partial' end
      ),
      judged.reason, null, null, null, null, null, null
    )::usage.gate_line
    from jsonb_array_elements(p_requests) with ordinality as element (value, n)
    cross join lateral (
      select
        element.value ->> 'op' as op,
        element.value ->> 'workspaceId' as workspace_id,
        element.value ->> 'ttlSeconds' as ttl,
        element.value ->> 'idempotencyKey' as key,
        element.value ->> 'reservationId' as reservation_id,
        element.value ->> 'partial' as partial,
        nullif(element.value -> 'items', 'null') as items,
        usage.gate_items(element.value) as list
      offset 0
    ) as asked
    left join lateral jsonb_array_elements(asked.list) with ordinality as part (value, item)
      on true
    cross join lateral (
      select
        coalesce(part.value, element.value) ->> 'metric' as metric,
        coalesce(part.value, element.value) ->> 'amount' as amount
      offset 0
    ) as named
    cross join lateral (
      select
        asked.op in ('commit', 'release', 'extend') as settles,
        case when asked.workspace_id ~ c_uuid then asked.workspace_id::uuid end as workspace_id,
        case when asked.op in ('commit', 'release', 'extend') and asked.reservation_id ~ c_uuid then asked.reservation_id::uuid end as reservation_id,
        case
          when named.amount ~ '^[0-9]{1,16}$' then named.amount::bigint
          when named.amount is null and asked.op in ('check', 'consume', 'reserve') then 1
        end as amount,
        case
          when asked.ttl ~ '^[0-9]{1,5}$' then asked.ttl::integer
          when asked.ttl is null then 300
        end as ttl
      offset 0
    ) as parsed
    cross join lateral (
      select
        (
          select workspaces.id
          from public.workspaces
          where workspaces.id = parsed.workspace_id
        ) is not null as workspace_known,
        case
          when not parsed.settles then named.metric
          else (
            select reservations.metric
            from usage.reservations
            where reservations.id = parsed.reservation_id
              and reservations.workspace_id = parsed.workspace_id
              -- What a lease holds is not a reservation that a caller could settle.
              and reservations.lease_holder is null
          )
        end as metric
      offset 0
    ) as found
    cross join lateral (
      select
        element.n::integer as n,
        part.item::integer as item,
        asked.op,
        parsed.workspace_id,
        coalesce(found.metric, named.metric) as metric,
        fed.feed,
        parsed.amount,
        asked.partial = 'true' as is_partial,
        parsed.ttl,
        asked.key,
        parsed.reservation_id,
        case
          when asked.op is null
            or asked.op not in ('check', 'consume', 'reserve', 'commit', 'release', 'extend')
            or asked.workspace_id is null
            or (asked.items is not null and asked.list is null)
            or (named.amount is not null and parsed.amount is null)
            or parsed.amount not between 1 and c_most
            or parsed.ttl is null
            or parsed.ttl not between 1 and 86400
            or char_length(asked.key) not between 1 and 255
            or asked.partial not in ('true', 'false')
            or (asked.partial = 'true' and (parsed.settles or asked.list is not null))
            then 'invalid-input'
          when not found.workspace_known then 'workspace-forbidden'
          when parsed.settles and asked.reservation_id is null then 'invalid-input'
          when parsed.settles and found.metric is null then 'reservation-not-found'
          when found.metric is null then 'invalid-input'
          when fed.feed is null then 'unknown-metric'
          when asked.op = 'consume' and fed.feed = 'rows' then 'row-metered'
        end as reason
      from (
        select (
          select metrics.feed
          from usage.metrics
          where metrics.key = found.metric
        ) as feed
      ) as fed
      offset 0
    ) as judged
    order by element.n, part.item
  );
end
$$;

comment on function usage.gate_parse(jsonb) is
  'The requests as lines, one for each metric, normalised; reason is set where a request can be refused without any lock.';

create function usage.gate_items(p_request jsonb) returns jsonb
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_items constant jsonb := p_request -> 'items';
begin
  if v_items is null
    or jsonb_typeof(v_items) <> 'array'
    or p_request ->> 'op' not in ('check', 'consume', 'reserve')
    or jsonb_array_length(v_items) not between 1 and 32
    or coalesce(p_request ->> 'metric', p_request ->> 'amount', p_request ->> 'reservationId') is not null
    -- A metric twice could not be decided item by item.
    or (
      select count(distinct part.value ->> 'metric') < count(*)
      from jsonb_array_elements(v_items) as part (value)
    )
  then
    return null;
  end if;
  return v_items;
end
$$;

comment on function usage.gate_items(jsonb) is
  'The items of a request for several metrics at once; null where there are none or they cannot be decided together.';

create function usage.gate_claim_keys(p_lines usage.gate_line[]) returns usage.gate_claim[]
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
    join lateral (
      select
        min(part.op) as op,
        case when count(*) = 1 then min(part.metric) end as metric,
        case when count(*) = 1 then min(part.amount) end as amount
      from unnest(p_lines) as part
      where part.n = claim.n
    ) as line on true
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

comment on function usage.gate_claim_keys(usage.gate_line[]) is
  'Claims the idempotency keys of a call, in key order, and finds the answers that are stored already.';


revoke execute on function usage.gate_parse(jsonb) from public;
revoke execute on function usage.gate_items(jsonb) from public;
revoke execute on function usage.gate_claim_keys(usage.gate_line[]) from public;
