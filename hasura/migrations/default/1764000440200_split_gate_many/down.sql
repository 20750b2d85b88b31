create or replace function usage.gate_many(requests jsonb) returns jsonb
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  c_uuid constant text := '^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$';
  c_most constant bigint := 9007199254740991;
  -- one element per request
  a_op text[] := '{}';
  a_workspace uuid[] := '{}';
  a_metric text[] := '{}';
  a_feed text[] := '{}';
  a_amount bigint[] := '{}';
  a_ttl integer[] := '{}';
  a_key text[] := '{}';
  a_hash bytea[] := '{}';
  a_reservation uuid[] := '{}';
  a_reason text[] := '{}';
  a_answer jsonb[] := '{}';
  a_first integer[];
  a_group integer[];
  a_owner integer[] := '{}';
  -- one element per workspace and metric, in the order of their locks
  g_workspace uuid[];
  g_metric text[];
  g_locked boolean[];
  g_written boolean[];
  g_kind text[] := '{}';
  g_used bigint[] := '{}';
  g_held bigint[] := '{}';
  g_delta bigint[] := '{}';
  g_limit bigint[] := '{}';
  g_included boolean[] := '{}';
  g_hard boolean[] := '{}';
  g_start timestamptz[] := '{}';
  g_end timestamptz[] := '{}';
  v_count integer := 0;
  v_keyed boolean := false;
  q record;
  s record;
  r usage.reservations;
  i integer;
  g integer;
  v_amount bigint;
  v_reason text;
  v_message text;
  v_reservation uuid;
  v_expires timestamptz;
  v_remaining bigint;
  v_replayed boolean;
begin
  if requests is null or jsonb_typeof(requests) <> 'array' then
    raise exception using
      errcode = '22023',
      message = 'usage.gate_many takes an array of requests';
  end if;

  -- 1. What was asked, checked without taking any lock.
  for q in
    select
      asked.op,
      parsed.workspace_id,
      workspaces.id is not null as workspace_known,
      coalesce(metrics.key, asked.metric) as metric,
      metrics.feed,
      asked.amount,
      parsed.amount as amount_value,
      asked.ttl,
      parsed.ttl as ttl_value,
      asked.key,
      asked.workspace_id as workspace_text,
      asked.reservation_id as reservation_text,
      parsed.reservation_id,
      reservations.id is not null as reservation_known,
      metrics.key is not null as metric_known
    from jsonb_array_elements(requests) with ordinality as element (value, n)
    cross join lateral (
      select
        element.value ->> 'op' as op,
        element.value ->> 'workspaceId' as workspace_id,
        element.value ->> 'metric' as metric,
        element.value ->> 'amount' as amount,
        element.value ->> 'ttlSeconds' as ttl,
        element.value ->> 'idempotencyKey' as key,
        element.value ->> 'reservationId' as reservation_id
    ) as asked
    cross join lateral (
      select
        case when asked.workspace_id ~ c_uuid then asked.workspace_id::uuid end as workspace_id,
        case when asked.reservation_id ~ c_uuid then asked.reservation_id::uuid end as reservation_id,
        case when asked.amount ~ '^[0-9]{1,16}$' then asked.amount::bigint end as amount,
        case when asked.ttl ~ '^[0-9]{1,5}$' then asked.ttl::integer end as ttl
    ) as parsed
    left join public.workspaces
      on workspaces.id = parsed.workspace_id
    left join usage.reservations
      on reservations.id = parsed.reservation_id
      and reservations.workspace_id = parsed.workspace_id
      and asked.op in ('commit', 'release')
      and reservations.lease_holder is null
    left join usage.metrics
      on metrics.key = case when asked.op in ('commit', 'release') then reservations.metric else asked.metric end
    order by element.n
  loop
    v_count := v_count + 1;
    v_reason := null;
    v_amount := q.amount_value;
    if q.amount is null and q.op in ('check', 'consume', 'reserve') then
      v_amount := 1;
    end if;

    if q.op is null or q.op not in ('check', 'consume', 'reserve', 'commit', 'release')
      or q.workspace_text is null
      or (q.amount is not null and (v_amount is null or v_amount < 1 or v_amount > c_most))
      or (q.ttl is not null and (q.ttl_value is null or q.ttl_value not between 1 and 86400))
      or (q.key is not null and char_length(q.key) not between 1 and 255)
    then
      v_reason := 'invalid-input';
    elsif not q.workspace_known then
      v_reason := 'workspace-forbidden';
    elsif q.op in ('commit', 'release') then
      if q.reservation_text is null then
        v_reason := 'invalid-input';
      elsif not q.reservation_known then
        v_reason := 'reservation-not-found';
      end if;
    elsif q.metric is null then
      v_reason := 'invalid-input';
    elsif not q.metric_known then
      v_reason := 'unknown-metric';
    elsif q.op = 'consume' and q.feed = 'rows' then
      v_reason := 'row-metered';
    end if;

    a_op[v_count] := q.op;
    a_workspace[v_count] := q.workspace_id;
    a_metric[v_count] := q.metric;
    a_feed[v_count] := q.feed;
    a_amount[v_count] := v_amount;
    a_ttl[v_count] := coalesce(q.ttl_value, 300);
    a_reservation[v_count] := q.reservation_id;
    a_reason[v_count] := v_reason;
    a_answer[v_count] := null;
    a_key[v_count] := null;
    a_hash[v_count] := null;
    if q.key is not null and v_reason is null and q.op <> 'check' then
      v_keyed := true;
      a_key[v_count] := q.key;
      a_hash[v_count] := sha256(convert_to(
        concat_ws(
          chr(31), q.op, coalesce(q.reservation_id::text, q.metric), v_amount::text,
          case when q.op = 'reserve' then coalesce(q.ttl_value, 300)::text end
        ),
        'UTF8'
      ));
    end if;
  end loop;
  if v_count = 0 then
    return '[]';
  end if;

  -- 2. Idempotency keys, in key order. The insert waits for a transaction that holds the same key, and the
  -- answers are read by a statement of their own, which sees what that transaction committed.
  if v_keyed then
    select array_agg(keyed.first order by keyed.n)
    into a_first
    from (
      select
        given.n,
        case
          when given.key is not null
            then first_value(given.n) over (partition by given.workspace_id, given.key order by given.n)
        end as first
      from unnest(a_workspace, a_key) with ordinality as given (workspace_id, key, n)
    ) as keyed;

    with claimed as (
      insert into usage.ledger as entry (workspace_id, idempotency_key, op, metric, amount, request_hash)
      select
        a_workspace[given.n],
        a_key[given.n],
        a_op[given.n],
        a_metric[given.n],
        a_amount[given.n],
        a_hash[given.n]
      from (
        select distinct named.n
        from unnest(a_first) as named (n)
        where named.n is not null
      ) as given
      order by a_workspace[given.n], a_key[given.n]
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
    select coalesce(array_agg(given.n::integer), '{}')
    into a_owner
    from claimed
    join unnest(a_workspace, a_key) with ordinality as given (workspace_id, key, n)
      on given.workspace_id = claimed.workspace_id
      and given.key = claimed.idempotency_key
    where a_first[given.n] = given.n;

    for s in
      select
        given.n::integer as n,
        entry.answer,
        entry.request_hash
      from unnest(a_workspace, a_key) with ordinality as given (workspace_id, key, n)
      join usage.ledger as entry
        on entry.workspace_id = given.workspace_id
        and entry.idempotency_key = given.key
      where given.key is not null
        and entry.answer is not null
    loop
      if s.request_hash = a_hash[s.n] then
        a_answer[s.n] := s.answer;
      else
        a_reason[s.n] := 'idempotency-conflict';
      end if;
    end loop;
  end if;

  -- 3. The counters, in key order: first the lock, then, in a later statement, what it protects.
  select
    array_agg(ranked.g order by ranked.n)
  into a_group
  from (
    select
      given.n,
      case
        when given.open
          then dense_rank() over (order by given.open desc, given.workspace_id, given.metric)
      end as g
    from (
      select
        one.n,
        one.workspace_id,
        one.metric,
        one.reason is null and one.answer is null as open
      from unnest(a_workspace, a_metric, a_reason, a_answer) with ordinality as one (workspace_id, metric, reason, answer, n)
    ) as given
  ) as ranked;

  select
    array_agg(grouped.workspace_id order by grouped.g),
    array_agg(grouped.metric order by grouped.g),
    array_agg(grouped.locked order by grouped.g),
    array_agg(grouped.written order by grouped.g)
  into g_workspace, g_metric, g_locked, g_written
  from (
    select
      one.g,
      one.workspace_id,
      one.metric,
      bool_or(one.op <> 'check') as locked,
      bool_or(one.op = 'reserve') as written
    from unnest(a_group, a_workspace, a_metric, a_op) as one (g, workspace_id, metric, op)
    where one.g is not null
    group by one.g, one.workspace_id, one.metric
  ) as grouped;

  for g in 1 .. coalesce(cardinality(g_workspace), 0) loop
    if g_locked[g] then
      perform usage.gate_lock(g_workspace[g], g_metric[g], g_written[g]);
    end if;
    select
      metrics.kind,
      period.period_start,
      period.period_end,
      bound.limit_value,
      bound.included,
      bound.enforcement,
      coalesce(counters.used, 0) as used,
      usage.held(g_workspace[g], g_metric[g]) as held
    into s
    from usage.metrics
    -- The limits tell the planner that these functions give one row; it would expect a million and compile for it.
    cross join lateral (
      select present.period_start, present.period_end
      from usage.period(g_workspace[g]) as present
      limit 1
    ) as period
    cross join lateral (
      select applying.limit_value, applying.included, applying.enforcement
      from billing.limit_of(g_workspace[g], g_metric[g]) as applying
      limit 1
    ) as bound
    left join usage.counters
      on counters.workspace_id = g_workspace[g]
      and counters.metric = metrics.key
      and counters.period_start = case metrics.kind when 'gauge' then '-infinity' else period.period_start end
    where metrics.key = g_metric[g];
    g_kind[g] := s.kind;
    g_start[g] := s.period_start;
    g_end[g] := s.period_end;
    g_limit[g] := s.limit_value;
    g_included[g] := s.included;
    g_hard[g] := s.enforcement is distinct from 'soft';
    g_used[g] := s.used;
    g_held[g] := s.held;
    g_delta[g] := 0;
  end loop;

  -- 4. The decisions, in the order of the requests.
  for i in 1 .. v_count loop
    g := a_group[i];
    v_reason := a_reason[i];
    v_amount := a_amount[i];
    v_message := null;
    v_reservation := a_reservation[i];
    v_expires := null;
    v_replayed := false;

    if v_reason is null and a_answer[i] is null and a_key[i] is not null and a_first[i] <> i then
      if a_hash[a_first[i]] = a_hash[i] then
        a_answer[i] := a_answer[a_first[i]];
      else
        v_reason := 'idempotency-conflict';
        g := null;
      end if;
    end if;
    if a_answer[i] is not null then
      continue;
    end if;

    if v_reason is null and a_op[i] in ('check', 'consume', 'reserve') then
      if not g_included[g] then
        v_reason := usage.not_included_reason(g_workspace[g], g_metric[g]);
      elsif g_hard[g] and v_amount > g_limit[g] - g_used[g] - g_held[g] then
        v_reason := 'usage-limit-exceeded';
      elsif v_amount > 9000000000000000000 - g_used[g] - g_held[g] then
        v_reason := 'invalid-input';
      elsif a_op[i] = 'consume' then
        g_used[g] := g_used[g] + v_amount;
        g_delta[g] := g_delta[g] + v_amount;
      elsif a_op[i] = 'reserve' then
        insert into usage.reservations (workspace_id, metric, amount, status, expires_at, period_start)
        values (
          g_workspace[g], g_metric[g], v_amount, 'held', clock_timestamp() + make_interval(secs => a_ttl[i]), g_start[g]
        )
        returning id, expires_at into v_reservation, v_expires;
        g_held[g] := g_held[g] + v_amount;
      end if;
    elsif v_reason is null then
      select *
      into r
      from usage.reservations
      where id = a_reservation[i]
      for update;
      if not found then
        v_reason := 'reservation-not-found';
      elsif r.status = (case a_op[i] when 'commit' then 'committed' else 'released' end) then
        if a_op[i] = 'commit' and v_amount <> r.committed_amount then
          v_reason := 'idempotency-conflict';
        else
          v_replayed := true;
        end if;
      elsif r.status in ('committed', 'released') then
        v_reason := 'reservation-not-found';
      elsif r.status = 'expired' or r.expires_at <= clock_timestamp() then
        -- Read under the counter's lock: whoever used the room of the expired hold held that lock before.
        v_reason := 'reservation-expired';
      elsif a_op[i] = 'release' then
        v_amount := r.amount;
        g_held[g] := g_held[g] - r.amount;
      else
        v_amount := coalesce(v_amount, r.amount);
        if v_amount > r.amount then
          v_reason := 'invalid-input';
        elsif a_feed[i] = 'gate'
          and r.period_start is distinct from g_start[g]
          and g_hard[g]
          and v_amount > g_limit[g] - g_used[g] - (g_held[g] - r.amount)
        then
          -- The hold was granted against the counter of another period.
          v_reason := 'usage-limit-exceeded';
        else
          g_held[g] := g_held[g] - r.amount;
          if a_feed[i] = 'gate' then
            g_used[g] := g_used[g] + v_amount;
            g_delta[g] := g_delta[g] + v_amount;
          end if;
        end if;
      end if;
    end if;

    if v_replayed and r.answer is not null then
      a_answer[i] := r.answer;
      continue;
    end if;

    if v_reason is not null then
      v_message := case v_reason
        when 'usage-limit-exceeded' then format(
          'limit of %s %s reached: %s used, %s%s more asked',
          g_limit[g], g_metric[g], g_used[g],
          case when g_held[g] > 0 then g_held[g]::text || ' reserved, ' else '' end, v_amount
        )
        when 'feature-not-in-plan' then format(
          '%s is not included in the plan: limit of 0, %s used, %s more asked', g_metric[g], g_used[g], v_amount
        )
        when 'plan-required' then format(
          '%s is not included without a live subscription: limit of 0, %s used, %s more asked',
          g_metric[g], g_used[g], v_amount
        )
        when 'row-metered' then format('%s counts the rows of a table: insert the rows instead', a_metric[i])
        when 'unknown-metric' then format('there is no metric %s', a_metric[i])
        when 'workspace-forbidden' then 'the workspace is not open to this request'
        when 'reservation-not-found' then 'there is no such open reservation in this workspace'
        when 'reservation-expired' then 'the reservation has expired and holds nothing any more'
        when 'idempotency-conflict' then 'this idempotency key was used before with other content'
        else 'the operation, amount, time to live, key or identifier is missing or out of range'
      end;
    end if;

    v_remaining := case
      when g_limit[g] is not null then greatest(g_limit[g] - g_used[g] - g_held[g], 0)
    end;
    a_answer[i] := jsonb_build_object(
      'allowed', v_reason is null,
      'reason', v_reason,
      'code', v_reason,
      'message', v_message,
      'metric', a_metric[i],
      'amount', v_amount,
      'used', g_used[g],
      'reserved', g_held[g],
      'limit', g_limit[g],
      'remaining', v_remaining,
      'resetsAt', case
        when g_kind[g] = 'counter' then to_char(g_end[g] at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
      end,
      'retryAfterSeconds', case
        when v_reason = 'usage-limit-exceeded' and g_kind[g] = 'counter'
          then greatest(ceil(extract(epoch from g_end[g] - clock_timestamp())), 1)::integer
      end,
      'reservationId', v_reservation,
      'expiresAt', to_char(v_expires at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
      'upgrade', case
        when v_reason in ('usage-limit-exceeded', 'feature-not-in-plan', 'plan-required')
          then usage.upgrade_for(g_workspace[g], g_metric[g], least(g_used[g] + g_held[g]::numeric + v_amount, 9223372036854775807)::bigint)
      end
    );

    if v_reason is null and a_op[i] in ('commit', 'release') and not v_replayed then
      update usage.reservations
      set status = case a_op[i] when 'commit' then 'committed' else 'released' end,
        committed_amount = case a_op[i] when 'commit' then v_amount else 0 end,
        answer = a_answer[i]
      where id = r.id;
    end if;
  end loop;

  -- 5. One change per counter, already decided above.
  for g in 1 .. coalesce(cardinality(g_workspace), 0) loop
    if g_delta[g] > 0 then
      perform usage.add(g_workspace[g], g_metric[g], g_delta[g], false);
    end if;
  end loop;

  if cardinality(a_owner) > 0 then
    update usage.ledger
    set allowed = (a_answer[owner.n] ->> 'allowed')::boolean,
      answer = a_answer[owner.n]
    from unnest(a_owner) as owner (n)
    where ledger.workspace_id = a_workspace[owner.n]
      and ledger.idempotency_key = a_key[owner.n];
  end if;

  return to_jsonb(a_answer);
end
$$;

comment on function usage.gate_many(jsonb) is
  'Decides an array of requests {op: check|consume|reserve|commit|release, workspaceId, metric, amount, idempotencyKey, ttlSeconds, reservationId} and counts what it allows, in one atomic step; answers in the same order. A denial is an answer.';
