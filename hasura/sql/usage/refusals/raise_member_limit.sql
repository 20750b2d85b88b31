create or replace function usage.raise_member_limit(
  p_workspace_id uuid,
  p_metric text,
  p_member_id uuid,
  p_amount bigint,
  p_used bigint,
  p_reserved bigint,
  p_limit bigint
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _line usage.gate_line;
  _counter usage.gate_counter;
  _member usage.gate_counter;
  _answer jsonb;
begin
  select
    p_workspace_id,
    usage_level.metric,
    usage_level.kind,
    usage_level.period_start,
    period.period_end,
    usage_level.limit_value,
    usage_level.included,
    usage_level.enforcement,
    usage_level.source,
    -- The counter of the workspace already includes the refused statement.
    usage_level.used - p_amount,
    usage_level.reserved,
    usage_level.cap_value - usage_level.used + p_amount - usage_level.reserved,
    0::bigint,
    null::uuid
  into _counter
  from usage.current as usage_level
  cross join lateral usage.period(p_workspace_id) as period
  where usage_level.workspace_id = p_workspace_id
    and usage_level.metric = p_metric;
  _member := _counter;
  _member.limit_value := p_limit;
  _member.used := p_used;
  _member.reserved := p_reserved;
  _member.free := p_limit - p_used - p_reserved;
  _member.member_id := p_member_id;
  _line.op := 'consume';
  _line.workspace_id := p_workspace_id;
  _line.metric := p_metric;
  _line.amount := p_amount;
  _line.reason := 'usage-limit-exceeded';
  _line.limited_by := 'member-limit';
  _answer := usage.gate_answer(_line, _counter, null) || usage.gate_member_answer(_line, _member);
  perform usage.refuse(_answer || jsonb_build_object('workspaceId', p_workspace_id));
end
$$;

comment on function usage.raise_member_limit(uuid, text, uuid, bigint, bigint, bigint, bigint) is 'Refuses an addition to a counter by the limit of its member: SQLSTATE 23U01 with the decision that the gate would give. Amounts are in the unit of the metric. Called by usage.add_to_members.';

revoke execute on function usage.raise_member_limit(uuid, text, uuid, bigint, bigint, bigint, bigint) from public;
