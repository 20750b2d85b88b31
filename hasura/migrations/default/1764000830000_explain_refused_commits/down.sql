create or replace function usage.gate_settle(
  p_line usage.gate_line,
  p_counter usage.gate_counter,
  p_reservation usage.reservations
)
returns usage.gate_line
language plpgsql
stable
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

create or replace function usage.gate_retry_after(
  p_line usage.gate_line,
  p_counter usage.gate_counter
)
returns integer
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

create or replace function usage.gate_answer(
  p_line usage.gate_line,
  p_counter usage.gate_counter,
  p_reservation usage.reservations
)
returns jsonb
language plpgsql
volatile
as $$
declare
  v_is_short constant boolean := p_line.reason in ('usage-limit-exceeded', 'feature-not-in-plan', 'plan-required');
begin
  return jsonb_build_object(
    'allowed', p_line.reason is null,
    'reason', p_line.reason,
    'code', p_line.reason,
    'message', case when p_line.reason is not null then usage.gate_message(p_line, p_counter) end,
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
    'limitedBy', case when p_line.reason is not null then coalesce(p_line.limited_by, usage.gate_limited_by(p_line, p_counter)) end,
    'resetsAt', case
      when p_counter.kind = 'counter'
        then to_char(p_counter.period_end at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
    end,
    'retryAfterSeconds', case
      when p_line.reason = 'usage-limit-exceeded' then usage.gate_retry_after(p_line, p_counter)
    end,
    'reservationId', p_line.reservation_id,
    'reservationStatus', case when p_line.reason = 'reservation-expired' then 'expired' else p_reservation.status end,
    'expiresAt', to_char(p_line.expires_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
    'member', null,
    'addOn', case
      when p_line.reason in ('usage-limit-exceeded', 'feature-not-in-plan') and p_line.limited_by is null
        then usage.add_on_for(
          p_counter.workspace_id,
          p_counter.metric,
          least(p_counter.used + p_counter.held::numeric + p_line.amount, 9223372036854775807)::bigint
        )
    end,
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

create or replace function usage.gate_member_answer(
  p_line usage.gate_line,
  p_counter usage.gate_counter
)
returns jsonb
language plpgsql
volatile
as $$
declare
  v_member constant jsonb := jsonb_build_object(
    'member', jsonb_build_object(
      'memberId', p_counter.member_id,
      'used', p_counter.used,
      'reserved', p_counter.held,
      'limit', p_counter.limit_value,
      'remaining', greatest(p_counter.free, 0)
    )
  );
begin
  if p_line.limited_by is distinct from 'member-limit' then
    return v_member;
  end if;
  return v_member || jsonb_build_object(
    'message', format(
      'limit of %s %s a member reached: %s used, %s%s more asked',
      p_counter.limit_value, p_counter.metric, p_counter.used,
      case when p_counter.held > 0 then p_counter.held::text || ' reserved, ' else '' end, p_line.amount
    ),
    'retryAfterSeconds', case
      when p_counter.kind = 'counter' and p_line.amount <= p_counter.limit_value
        then greatest(ceil(extract(epoch from p_counter.period_end - clock_timestamp())), 1)::integer
    end,
    'upgrade', usage.member_upgrade_for(
      p_counter.workspace_id,
      p_counter.metric,
      least(p_counter.used + p_counter.held::numeric + p_line.amount, 9223372036854775807)::bigint
    )
  );
end
$$;

drop function usage.gate_own_hold(usage.gate_line);
