create or replace function usage.add_to_past_member(p_member usage.gate_counter, p_delta bigint)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_member.member_id is null or p_delta = 0 then
    return;
  end if;
  update usage.member_counters
  set used = used + p_delta,
    updated_at = now()
  where workspace_id = p_member.workspace_id
    and metric = p_member.metric
    and period_start = p_member.period_start
    and member_id = p_member.member_id;
  insert into usage.member_counter_log (workspace_id, metric, period_start, member_id, amount)
  values (p_member.workspace_id, p_member.metric, p_member.period_start, p_member.member_id, p_delta);
end
$$;

comment on function usage.add_to_past_member(usage.gate_counter, bigint) is 'Adds an amount, which may be negative, to a counter that usage.open_past_member has locked; nothing where that is null. Called by usage.gate_late and usage.correct.';

revoke execute on function usage.add_to_past_member(usage.gate_counter, bigint) from public;
