create or replace function usage.gate_limited_by(p_line usage.gate_line, p_counter usage.gate_counter)
returns text
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
  select case
    when p_line.reason = 'usage-limit-exceeded' and p_counter.enforcement = 'soft' then 'overage-cap'
    when p_line.reason = 'usage-limit-exceeded' and p_counter.source = 'plan' then 'plan-limit'
    when p_line.reason = 'usage-limit-exceeded' then p_counter.source
    when p_line.reason = 'feature-not-in-plan' then 'plan'
    when p_line.reason = 'plan-required' then 'subscription'
    when p_line.reason in ('unknown-metric', 'row-metered') then 'metric'
    when p_line.reason = 'workspace-forbidden' then 'workspace'
    when p_line.reason in ('reservation-not-found', 'reservation-expired') then 'reservation'
    when p_line.reason = 'idempotency-conflict' then 'idempotency-key'
    when p_line.reason is not null then 'request'
  end
$$;

comment on function usage.gate_limited_by(usage.gate_line, usage.gate_counter) is 'Which limit or which part of the request a refusal is about; null for what was allowed.';

revoke execute on function usage.gate_limited_by(usage.gate_line, usage.gate_counter) from public;
