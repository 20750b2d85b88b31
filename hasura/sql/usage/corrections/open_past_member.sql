create or replace function usage.open_past_member(
  p_counter usage.gate_counter,
  p_member_id uuid,
  p_at timestamptz,
  p_is_present boolean
)
returns usage.gate_counter
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_member usage.gate_counter := p_counter;
begin
  if p_member_id is null or not exists (
    select
    from usage.member_meters
    where member_meters.workspace_id = p_counter.workspace_id
      and member_meters.metric = p_counter.metric
  ) then
    return null;
  end if;
  v_member.member_id := p_member_id;
  v_member.source := 'member-limit';
  v_member.enforcement := 'hard';
  v_member.included := true;

  -- Behind the counter of the workspace, and written, as usage.gate_open_members leaves it.
  insert into usage.member_counters as c (workspace_id, metric, period_start, member_id, used)
  values (v_member.workspace_id, v_member.metric, v_member.period_start, p_member_id, 0)
  on conflict on constraint member_counters_pkey do update
    set used = c.used
  returning c.used
  into v_member.used;
  v_member.held := case
    when p_is_present then usage.member_reserved(v_member.workspace_id, v_member.metric, p_member_id)
    else 0
  end;
  v_member.limit_value := (
    select bound.limit_value
    from billing.member_limit_of(
      v_member.workspace_id, v_member.metric, case when p_is_present then now() else p_at end
    ) as bound
  );
  v_member.free := v_member.limit_value - v_member.used - v_member.held;
  return v_member;
end
$$;

comment on function usage.open_past_member(usage.gate_counter, uuid, timestamptz, boolean) is 'Locks and reads the counter of a member beside the one of its workspace that usage.open_past_counter has locked; null where members are not counted.';

revoke execute on function usage.open_past_member(usage.gate_counter, uuid, timestamptz, boolean) from public;
