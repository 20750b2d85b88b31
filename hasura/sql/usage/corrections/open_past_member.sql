create or replace function usage.open_past_member(p_counter usage.gate_counter, p_member_id uuid, p_at timestamptz)
returns usage.gate_counter
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _is_present constant boolean := now() < p_counter.period_end;
  _member usage.gate_counter := p_counter;
begin
  if p_member_id is null or not exists (
    select
    from usage.member_meters
    where member_meters.workspace_id = p_counter.workspace_id
      and member_meters.metric = p_counter.metric
  ) then
    return null;
  end if;
  _member.member_id := p_member_id;
  _member.source := 'member-limit';
  _member.enforcement := 'hard';
  _member.included := true;

  -- Behind the counter of the workspace. Writes the row, as usage.gate_open_members does.
  insert into usage.member_counters as counter (workspace_id, metric, period_start, member_id, used)
  values (_member.workspace_id, _member.metric, _member.period_start, p_member_id, 0)
  on conflict on constraint member_counters_pkey do update
    set used = counter.used
  returning counter.used
  into _member.used;
  _member.reserved := case
    when _is_present then usage.member_reserved(_member.workspace_id, _member.metric, p_member_id)
    else 0
  end;
  _member.limit_value := (
    select bound.limit_value
    from billing.member_limit_of(
      _member.workspace_id, _member.metric, case when _is_present then now() else p_at end
    ) as bound
  );
  _member.free := _member.limit_value - _member.used - _member.reserved;
  return _member;
end
$$;

comment on function usage.open_past_member(usage.gate_counter, uuid, timestamptz) is 'Locks the counter of a member in the period of a counter that usage.open_past_counter has locked, and returns it with the limit of that moment. Null without a member, and where members are not counted. Called by usage.gate_late and usage.correct.';

revoke execute on function usage.open_past_member(usage.gate_counter, uuid, timestamptz) from public;
