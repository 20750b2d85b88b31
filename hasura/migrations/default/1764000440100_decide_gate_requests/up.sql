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


revoke execute on function usage.gate_open_counters(usage.gate_line[]) from public;
revoke execute on function usage.gate_admit(usage.gate_line, usage.gate_counter) from public;
revoke execute on function usage.gate_settle(usage.gate_line, usage.gate_counter, usage.reservations) from public;
revoke execute on function usage.gate_apply(usage.gate_line, usage.gate_counter, usage.reservations) from public;
revoke execute on function usage.gate_message(usage.gate_line, usage.gate_counter) from public;
revoke execute on function usage.gate_retry_after(usage.gate_line, usage.gate_counter) from public;
revoke execute on function usage.gate_answer(usage.gate_line, usage.gate_counter, usage.reservations) from public;
revoke execute on function usage.gate_store(usage.gate_line[], usage.gate_counter[], usage.reservations[], usage.gate_claim[], jsonb[]) from public;
revoke execute on function usage.gate_list_answer(jsonb[]) from public;
