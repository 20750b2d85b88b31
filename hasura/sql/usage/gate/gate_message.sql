create or replace function usage.gate_message(p_line usage.gate_line, p_counter usage.gate_counter)
returns text
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
  select case p_line.reason
    when 'period-closed' then 'the period of this moment is closed: it takes nothing any more'
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

revoke execute on function usage.gate_message(usage.gate_line, usage.gate_counter) from public;
