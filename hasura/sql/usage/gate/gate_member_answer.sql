create or replace function usage.gate_member_answer(p_line usage.gate_line, p_counter usage.gate_counter)
returns jsonb
language plpgsql
as $$
declare
  _member constant jsonb := jsonb_build_object(
    'member', jsonb_build_object(
      'memberId', p_counter.member_id,
      'used', p_counter.used,
      'reserved', p_counter.reserved,
      'limit', p_counter.limit_value,
      'remaining', greatest(p_counter.free, 0)
    )
  );
  _own usage.reservations;
begin
  if p_line.limited_by is distinct from 'member-limit' then
    return _member;
  end if;
  _own := usage.gate_own_hold(p_line);
  return _member || jsonb_build_object(
    'message', usage.limit_message(
      p_counter.metric,
      ' per member',
      p_counter.limit_value,
      p_counter.used,
      p_counter.reserved,
      p_line.amount
    ),
    -- A commit can only wait as long as its own reservation lasts.
    'retryAfterSeconds', case
      when p_counter.kind = 'counter' and p_line.amount <= p_counter.limit_value
        and (_own.expires_at is null or p_counter.period_end < _own.expires_at)
        then greatest(ceil(extract(epoch from p_counter.period_end - clock_timestamp())), 1)::integer
    end,
    'upgrade', usage.member_upgrade_for(
      p_counter.workspace_id,
      p_counter.metric,
      least(p_counter.used + p_counter.reserved::numeric - coalesce(_own.amount, 0) + p_line.amount, 9223372036854775807)::bigint
    )
  );
end
$$;

comment on function usage.gate_member_answer(usage.gate_line, usage.gate_counter) is 'What a decision adds where members are counted: the figures of the member under member. Where the limit of members refused, it also replaces message, retryAfterSeconds and upgrade. A step of usage.gate_many; usage.raise_member_limit uses it too.';

revoke execute on function usage.gate_member_answer(usage.gate_line, usage.gate_counter) from public;
