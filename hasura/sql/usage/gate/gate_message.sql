create or replace function usage.gate_message(p_line usage.gate_line, p_counter usage.gate_counter)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return case p_line.reason
    when 'usage-limit-exceeded' then usage.limit_message(
      p_counter.metric,
      '',
      p_counter.free + p_counter.used + p_counter.reserved,
      p_counter.used,
      p_counter.reserved,
      p_line.amount
    )
    when 'feature-not-in-plan' then usage.not_included_message(
      p_counter.metric, 'in the plan', p_counter.used, p_line.amount
    )
    when 'plan-required' then usage.not_included_message(
      p_counter.metric, 'without a live subscription', p_counter.used, p_line.amount
    )
    when 'row-metered' then format('%s counts the rows of a table: insert the rows instead', p_line.metric)
    -- A name that no metric can have is text of the client and stays out of the sentence.
    when 'unknown-metric' then case
      when p_line.metric ~ '^[a-z][a-z0-9_]{0,62}$' then format('there is no metric %s', p_line.metric)
      else 'there is no metric of that name'
    end
    when 'workspace-forbidden' then 'the workspace is not open to this request'
    when 'reservation-not-found' then 'there is no such open reservation in this workspace'
    when 'reservation-expired' then 'the reservation has expired and reserves nothing any more'
    when 'idempotency-conflict' then 'this idempotency key was used before with other content'
    when 'period-closed' then 'the period of this event is closed and takes no more changes'
    when 'invalid-input' then 'the operation, amount, time to live, key or identifier is missing or out of range'
  end;
end
$$;

comment on function usage.gate_message(usage.gate_line, usage.gate_counter) is 'A refusal as a sentence for people; null for what was allowed. Programs read the decision instead.';

revoke execute on function usage.gate_message(usage.gate_line, usage.gate_counter) from public;
