create or replace function usage.gate_answer(
  p_line usage.gate_line,
  p_counter usage.gate_counter,
  p_reservation usage.reservations
)
returns jsonb
language plpgsql
as $$
declare
  _is_short constant boolean := p_line.reason in ('usage-limit-exceeded', 'feature-not-in-plan', 'plan-required');
  -- The total that a limit must allow. A commit already has the amount of its reservation in it.
  _needed constant bigint := case
    when _is_short then least(
      p_counter.used + p_counter.reserved::numeric + p_line.amount
        - case when p_line.op = 'commit' then coalesce(p_reservation.amount, 0) else 0 end,
      9223372036854775807
    )::bigint
  end;
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
    'reserved', p_counter.reserved,
    'limit', p_counter.limit_value,
    'remaining', case
      when p_counter.limit_value is not null
        then greatest(p_counter.limit_value - p_counter.used - p_counter.reserved, 0)
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
        then usage.add_on_for(p_counter.workspace_id, p_counter.metric, _needed)
    end,
    'upgrade', case
      when _is_short then usage.upgrade_for(p_counter.workspace_id, p_counter.metric, _needed)
    end
  );
end
$$;

comment on function usage.gate_answer(usage.gate_line, usage.gate_counter, usage.reservations) is 'The decision of one line as JSON, in the form that docs/gate.md describes. The counter carries the figures after the decision; it is null where none was read. A step of usage.gate_many; the refusals of meter triggers use it too.';

revoke execute on function usage.gate_answer(usage.gate_line, usage.gate_counter, usage.reservations) from public;
