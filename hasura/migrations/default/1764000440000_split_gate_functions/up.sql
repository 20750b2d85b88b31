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

create function usage.gate_open_counters(p_lines usage.gate_line[]) returns usage.gate_counter[]
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_counters usage.gate_counter[] := '{}';
  v_counter usage.gate_counter;
  v_wanted record;
begin
  -- In key order: first the lock, then, in a statement of its own, what it protects.
  for v_wanted in
    select
      line.workspace_id,
      line.metric,
      bool_or(line.op <> 'check') as is_locked,
      bool_or(line.op in ('reserve', 'extend')) as is_written
    from unnest(p_lines) as line
    where line.reason is null
    group by line.workspace_id, line.metric
    order by line.workspace_id, line.metric
  loop
    if v_wanted.is_locked then
      perform usage.gate_lock(v_wanted.workspace_id, v_wanted.metric, v_wanted.is_written);
    end if;
    select
      v_wanted.workspace_id,
      metrics.key,
      metrics.kind,
      present.period_start,
      present.period_end,
      applying.limit_value,
      applying.included,
      applying.enforcement,
      applying.source,
      coalesce(counters.used, 0),
      held.amount,
      applying.cap_value - coalesce(counters.used, 0) - held.amount,
      0
    into v_counter
    from usage.metrics
    cross join lateral usage.period(v_wanted.workspace_id) as present
    cross join lateral billing.limit_of(v_wanted.workspace_id, v_wanted.metric) as applying
    cross join lateral (
      select usage.held(v_wanted.workspace_id, v_wanted.metric) as amount
    ) as held
    left join usage.counters
      on counters.workspace_id = v_wanted.workspace_id
      and counters.metric = metrics.key
      and counters.period_start = case metrics.kind when 'gauge' then '-infinity' else present.period_start end
    where metrics.key = v_wanted.metric;
    v_counters := v_counters || v_counter;
  end loop;
  return v_counters;
end
$$;

comment on function usage.gate_open_counters(usage.gate_line[]) is
  'Locks the counters that the lines ask for, in the order of workspace and metric, and reads them; only looked at where nothing but checks asks.';

create function usage.gate_admit(p_line usage.gate_line, p_counter usage.gate_counter) returns usage.gate_line
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  p_line.granted := p_line.amount;
  if not p_counter.included then
    p_line.reason := usage.not_included_reason(p_counter.workspace_id, p_counter.metric);
  elsif p_line.amount > p_counter.free then
    if p_line.is_partial and p_counter.free > 0 then
      p_line.granted := p_counter.free;
    else
      p_line.reason := 'usage-limit-exceeded';
    end if;
  elsif p_line.amount > 9000000000000000000 - p_counter.used - p_counter.held then
    p_line.reason := 'invalid-input';
  end if;
  return p_line;
end
$$;

comment on function usage.gate_admit(usage.gate_line, usage.gate_counter) is
  'Decides a check, a consume or a reserve against a counter; changes nothing.';

create function usage.gate_settle(
  p_line usage.gate_line,
  p_counter usage.gate_counter,
  p_reservation usage.reservations
) returns usage.gate_line
language plpgsql
stable
set search_path = pg_catalog, pg_temp
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
    -- Read under the counter's lock: whoever used the room of the expired hold held that lock before.
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
      -- A hold that is committed in its own period and for no more than it held has its room already.
      and (p_line.amount > p_reservation.amount or p_reservation.period_start is distinct from p_counter.period_start)
      and p_line.amount > p_counter.free + p_reservation.amount
    then
      p_line.reason := 'usage-limit-exceeded';
    elsif p_line.amount > 9000000000000000000 - p_counter.used - p_counter.held then
      p_line.reason := 'invalid-input';
    end if;
  end if;
  return p_line;
end
$$;

comment on function usage.gate_settle(usage.gate_line, usage.gate_counter, usage.reservations) is
  'Decides a commit, a release or an extend by the state of the reservation; changes nothing.';

create function usage.gate_apply(
  p_line usage.gate_line,
  p_counter usage.gate_counter,
  p_reservation usage.reservations
) returns usage.gate_counter
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_used bigint := 0;
  v_held bigint := 0;
begin
  case p_line.op
    when 'consume' then
      v_used := p_line.granted;
    when 'reserve' then
      v_held := p_line.granted;
    when 'commit' then
      v_held := -p_reservation.amount;
      if p_line.feed = 'gate' then
        v_used := p_line.granted;
      end if;
    when 'release' then
      v_held := -p_reservation.amount;
    else
      return p_counter;
  end case;
  p_counter.used := p_counter.used + v_used;
  p_counter.held := p_counter.held + v_held;
  p_counter.free := p_counter.free - v_used - v_held;
  p_counter.delta := p_counter.delta + v_used;
  return p_counter;
end
$$;

comment on function usage.gate_apply(usage.gate_line, usage.gate_counter, usage.reservations) is
  'The counter after an allowed line.';

create function usage.gate_message(p_line usage.gate_line, p_counter usage.gate_counter) returns text
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
  select case p_line.reason
    when 'usage-limit-exceeded' then format(
      'limit of %s %s reached: %s used, %s%s more asked',
      p_counter.free + p_counter.used + p_counter.held, p_counter.metric, p_counter.used,
      case when p_counter.held > 0 then p_counter.held::text || ' reserved, ' else '' end, p_line.amount
    )
    when 'feature-not-in-plan' then format(
      '%s is not included in the plan: limit of 0, %s used, %s more asked',
      p_counter.metric, p_counter.used, p_line.amount
    )
    when 'plan-required' then format(
      '%s is not included without a live subscription: limit of 0, %s used, %s more asked',
      p_counter.metric, p_counter.used, p_line.amount
    )
    when 'row-metered' then format('%s counts the rows of a table: insert the rows instead', p_line.metric)
    when 'unknown-metric' then format('there is no metric %s', p_line.metric)
    when 'workspace-forbidden' then 'the workspace is not open to this request'
    when 'reservation-not-found' then 'there is no such open reservation in this workspace'
    when 'reservation-expired' then 'the reservation has expired and holds nothing any more'
    when 'idempotency-conflict' then 'this idempotency key was used before with other content'
    when 'invalid-input' then 'the operation, amount, time to live, key or identifier is missing or out of range'
  end
$$;

comment on function usage.gate_message(usage.gate_line, usage.gate_counter) is 'A refusal in words; null for what was allowed.';

create function usage.gate_retry_after(p_line usage.gate_line, p_counter usage.gate_counter) returns integer
language sql
volatile
set search_path = pg_catalog, pg_temp
as $$
  select greatest(ceil(extract(epoch from helped.at - clock_timestamp())), 1)::integer
  from (
    select least(
      case
        when p_counter.kind = 'counter' and p_line.amount <= p_counter.free + p_counter.used + p_counter.held
          then p_counter.period_end
      end,
      case
        when p_counter.held > 0 and p_line.amount <= p_counter.free + p_counter.held then (
          select min(freed.expires_at)
          from (
            select
              reservations.expires_at,
              sum(reservations.amount) over (order by reservations.expires_at, reservations.id) as amount
            from usage.reservations
            where reservations.workspace_id = p_counter.workspace_id
              and reservations.metric = p_counter.metric
              and reservations.status = 'held'
              and reservations.expires_at > now()
          ) as freed
          where freed.amount >= p_line.amount - p_counter.free
        )
      end
    ) as at
  ) as helped
  where helped.at is not null
$$;

comment on function usage.gate_retry_after(usage.gate_line, usage.gate_counter) is
  'Seconds until a refused amount may fit by time alone: the next period, or the earliest end of enough holds; null where time does not help.';

create function usage.gate_answer(
  p_line usage.gate_line,
  p_counter usage.gate_counter,
  p_reservation usage.reservations
) returns jsonb
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_is_short constant boolean := p_line.reason in ('usage-limit-exceeded', 'feature-not-in-plan', 'plan-required');
begin
  return jsonb_build_object(
    'allowed', p_line.reason is null,
    'reason', p_line.reason,
    'code', p_line.reason,
    'message', usage.gate_message(p_line, p_counter),
    'metric', p_line.metric,
    'amount', p_line.amount,
    'granted', case when p_line.reason is null then p_line.granted else 0 end,
    'used', p_counter.used,
    'reserved', p_counter.held,
    'limit', p_counter.limit_value,
    'remaining', case
      when p_counter.limit_value is not null
        then greatest(p_counter.limit_value - p_counter.used - p_counter.held, 0)
    end,
    'overage', greatest(p_counter.used - p_counter.limit_value, 0),
    'source', p_counter.source,
    'resetsAt', case
      when p_counter.kind = 'counter'
        then to_char(p_counter.period_end at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
    end,
    'retryAfterSeconds', case
      when p_line.reason = 'usage-limit-exceeded' then usage.gate_retry_after(p_line, p_counter)
    end,
    'reservationId', p_line.reservation_id,
    'reservationStatus', p_reservation.status,
    'expiresAt', to_char(p_line.expires_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
    'upgrade', case
      when v_is_short then usage.upgrade_for(
        p_counter.workspace_id,
        p_counter.metric,
        least(p_counter.used + p_counter.held::numeric + p_line.amount, 9223372036854775807)::bigint
      )
    end
  );
end
$$;

comment on function usage.gate_answer(usage.gate_line, usage.gate_counter, usage.reservations) is
  'The decision of a line as its caller gets it: the figures are those after the decision.';

create function usage.gate_store(
  p_lines usage.gate_line[],
  p_counters usage.gate_counter[],
  p_reservations usage.reservations[],
  p_claims usage.gate_claim[],
  p_answers jsonb[]
) returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_counter usage.gate_counter;
begin
  insert into usage.reservations (id, workspace_id, metric, amount, status, expires_at, period_start)
  select
    line.reservation_id, line.workspace_id, line.metric, line.granted, 'held', line.expires_at,
    p_counters[line.counter].period_start
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
    if v_counter.delta > 0 then
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

comment on function usage.gate_store(usage.gate_line[], usage.gate_counter[], usage.reservations[], usage.gate_claim[], jsonb[]) is
  'Writes what a call has decided: a statement for each table, one change for each counter.';

create function usage.gate_list_answer(p_answers jsonb[]) returns jsonb
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
  select case when refused.answer is null then '{}' else refused.answer end
    || jsonb_build_object(
      'allowed', refused.answer is null,
      'items', (
        select jsonb_agg(
          case
            when refused.answer is null then part.answer
            else part.answer || '{"granted": 0, "reservationId": null, "expiresAt": null}'
          end
          order by part.item
        )
        from unnest(p_answers) with ordinality as part (answer, item)
      )
    )
  from (select 1) as one
  left join lateral (
    select part.answer
    from unnest(p_answers) with ordinality as part (answer, item)
    where not (part.answer ->> 'allowed')::boolean
    order by part.item
    limit 1
  ) as refused on true
$$;

comment on function usage.gate_list_answer(jsonb[]) is
  'The answer to a request with items: that of the first item that was refused, with all of them under items; nothing was granted unless all are allowed.';

create or replace function usage.gate_many(requests jsonb) returns jsonb
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_lines usage.gate_line[];
  v_line usage.gate_line;
  v_claims usage.gate_claim[] := '{}';
  v_claim usage.gate_claim;
  v_next_claim integer := 1;
  v_counters usage.gate_counter[];
  v_counter usage.gate_counter;
  v_reservations usage.reservations[];
  v_reservation usage.reservations;
  v_places jsonb;
  v_answers jsonb[] := '{}';
  v_parts jsonb[];
  v_first integer := 1;
  v_last integer;
  v_total integer;
  v_n integer := 0;
  v_is_refused boolean;
  i integer;
begin
  if requests is null or jsonb_typeof(requests) <> 'array' then
    raise exception using
      errcode = '22023',
      message = 'usage.gate_many takes an array of requests';
  end if;
  v_lines := usage.gate_parse(requests);
  v_total := cardinality(v_lines);
  if v_total = 0 then
    return '[]';
  end if;

  if exists (select from unnest(v_lines) as line where line.key is not null) then
    v_claims := usage.gate_claim_keys(v_lines);
  end if;
  foreach v_claim in array v_claims loop
    v_answers[v_claim.n] := v_claim.answer;
  end loop;

  v_counters := usage.gate_open_counters(array(
    select line
    from unnest(v_lines) as line
    where line.reason is null
      and v_answers[line.n] is null
  ));
  -- Behind the counter's lock, which whoever settles the same reservation holds before.
  v_reservations := array(
    select reservations
    from usage.reservations
    where reservations.id in (
      select line.reservation_id
      from unnest(v_lines) as line
      where line.reason is null
        and line.reservation_id is not null
    )
    order by reservations.id
    for update
  );
  select jsonb_object_agg(place.key, place.n)
  into v_places
  from (
    select counter.workspace_id || ' ' || counter.metric as key, counter.n
    from unnest(v_counters) with ordinality as counter (
      workspace_id, metric, kind, period_start, period_end, limit_value, included, enforcement, source, used, held, free,
      delta, n
    )
    union all
    select held.id::text, held.n
    from unnest(array(select one.id from unnest(v_reservations) as one)) with ordinality as held (id, n)
  ) as place;

  while v_first <= v_total loop
    v_n := v_n + 1;
    v_last := v_first;
    while v_last < v_total and v_lines[v_last + 1].n = v_n loop
      v_last := v_last + 1;
    end loop;

    v_claim := null;
    if v_claims[v_next_claim].n = v_n then
      v_claim := v_claims[v_next_claim];
      v_next_claim := v_next_claim + 1;
      if v_claim.first < v_n and v_answers[v_n] is null and not v_claim.is_conflict then
        if v_claims[(
          select claim.place
          from unnest(v_claims) with ordinality as claim (n, first, workspace_id, key, hash, is_owner, is_conflict, answer, place)
          where claim.n = v_claim.first
        )].hash = v_claim.hash then
          v_answers[v_n] := v_answers[v_claim.first];
        else
          v_claim.is_conflict := true;
        end if;
      end if;
    end if;
    if v_answers[v_n] is not null then
      for i in v_first .. v_last loop
        v_lines[i].reason := 'repeated';
      end loop;
      v_first := v_last + 1;
      continue;
    end if;

    -- First every line is decided and nothing changed, so that a list is taken whole or not at all.
    v_is_refused := false;
    for i in v_first .. v_last loop
      v_line := v_lines[i];
      if v_line.reason is null and v_claim.is_conflict then
        v_line.reason := 'idempotency-conflict';
      elsif v_line.reason is null then
        v_line.counter := v_places -> (v_line.workspace_id || ' ' || v_line.metric);
        if v_line.op in ('check', 'consume', 'reserve') then
          v_line := usage.gate_admit(v_line, v_counters[v_line.counter]);
        else
          v_line.reservation := v_places -> v_line.reservation_id::text;
          v_line := usage.gate_settle(v_line, v_counters[v_line.counter], v_reservations[v_line.reservation]);
        end if;
      end if;
      v_is_refused := v_is_refused or v_line.reason is not null;
      v_lines[i] := v_line;
    end loop;

    v_parts := '{}';
    for i in v_first .. v_last loop
      v_line := v_lines[i];
      v_counter := v_counters[v_line.counter];
      v_reservation := v_reservations[v_line.reservation];
      if not v_is_refused and v_line.replayed is null and v_line.op <> 'check' then
        if v_line.op = 'reserve' then
          v_line.reservation_id := gen_random_uuid();
          v_line.expires_at := clock_timestamp() + make_interval(secs => v_line.ttl);
        end if;
        v_counter := usage.gate_apply(v_line, v_counter, v_reservation);
        v_counters[v_line.counter] := v_counter;
        v_lines[i] := v_line;
        if v_line.op = 'extend' then
          v_reservation.expires_at := v_line.expires_at;
        elsif v_line.reservation is not null then
          v_reservation.status := case v_line.op when 'commit' then 'committed' else 'released' end;
          v_reservation.committed_amount := v_line.granted;
        end if;
      end if;
      v_parts := v_parts || coalesce(v_line.replayed, usage.gate_answer(v_line, v_counter, v_reservation));
      if v_line.reservation is not null and not v_is_refused and v_line.replayed is null then
        if v_line.op <> 'extend' then
          v_reservation.answer := v_parts[1];
        end if;
        v_reservations[v_line.reservation] := v_reservation;
      end if;
    end loop;
    v_answers[v_n] := case when v_lines[v_first].item is null then v_parts[1] else usage.gate_list_answer(v_parts) end;
    v_first := v_last + 1;
  end loop;

  perform usage.gate_store(v_lines, v_counters, v_reservations, v_claims, v_answers);
  return to_jsonb(v_answers);
end
$$;

comment on function usage.gate_many(jsonb) is
  'Decides an array of requests {op: check|consume|reserve|commit|release|extend, workspaceId, metric, amount, partial, items, idempotencyKey, ttlSeconds, reservationId} and counts what it allows, in one atomic step; answers in the same order. A denial is an answer.';

do $do$
declare
  helper regprocedure;
begin
  for helper in
    select p.oid
    from pg_proc p
    where p.pronamespace = 'usage'::regnamespace
      and p.proname in (
        'gate_parse', 'gate_items', 'gate_claim_keys', 'gate_open_counters', 'gate_admit', 'gate_settle', 'gate_apply',
        'gate_message', 'gate_retry_after', 'gate_answer', 'gate_store', 'gate_list_answer'
      )
  loop
    execute format('revoke execute on function %s from public', helper);
  end loop;
end
$do$;
