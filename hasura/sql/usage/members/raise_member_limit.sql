create or replace function usage.raise_member_limit(
  p_workspace_id uuid,
  p_metric text,
  p_member_id uuid,
  p_amount bigint,
  p_used bigint,
  p_held bigint,
  p_limit bigint
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_line usage.gate_line;
  v_counter usage.gate_counter;
  v_member usage.gate_counter;
  v_answer jsonb;
begin
  select
    p_workspace_id,
    level.metric,
    level.kind,
    level.period_start,
    present.period_end,
    level.limit_value,
    level.included,
    level.enforcement,
    level.source,
    -- The workspace has counted the statement that ends here.
    level.used - p_amount,
    level.reserved,
    level.cap_value - level.used + p_amount - level.reserved,
    0
  into v_counter
  from usage.current as level
  cross join lateral usage.period(p_workspace_id) as present
  where level.workspace_id = p_workspace_id
    and level.metric = p_metric;
  v_member := v_counter;
  v_member.limit_value := p_limit;
  v_member.used := p_used;
  v_member.held := p_held;
  v_member.free := p_limit - p_used - p_held;
  v_member.member_id := p_member_id;
  v_line.op := 'consume';
  v_line.workspace_id := p_workspace_id;
  v_line.metric := p_metric;
  v_line.amount := p_amount;
  v_line.reason := 'usage-limit-exceeded';
  v_line.limited_by := 'member-limit';
  v_answer := usage.gate_answer(v_line, v_counter, null) || usage.gate_member_answer(v_line, v_member);
  raise exception using
    errcode = '23U01',
    message = v_answer ->> 'message',
    detail = (v_answer || jsonb_build_object('workspaceId', p_workspace_id))::text;
end
$$;

comment on function usage.raise_member_limit(uuid, text, uuid, bigint, bigint, bigint, bigint) is 'The refusal of a limit of members: SQLSTATE 23U01, in DETAIL the decision that the gate would give';

revoke execute on function usage.raise_member_limit(uuid, text, uuid, bigint, bigint, bigint, bigint) from public;
