create or replace function usage.raise_limit_reached(
  p_workspace_id uuid,
  p_metric text,
  p_amount bigint,
  p_used bigint,
  p_held bigint,
  p_limit bigint,
  p_included boolean
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_line usage.gate_line;
  v_counter usage.gate_counter;
begin
  select
    p_workspace_id,
    metrics.key,
    metrics.kind,
    present.period_start,
    present.period_end,
    coalesce(p_limit, 0),
    p_included,
    applying.enforcement,
    applying.source,
    p_used,
    p_held,
    applying.cap_value - p_used - p_held,
    0
  into v_counter
  from usage.metrics
  cross join lateral usage.period(p_workspace_id) as present
  cross join lateral billing.limit_of(p_workspace_id, p_metric) as applying
  where metrics.key = p_metric;
  v_line.op := 'consume';
  v_line.workspace_id := p_workspace_id;
  v_line.metric := p_metric;
  v_line.amount := p_amount;
  v_line.reason := case
    when p_included then 'usage-limit-exceeded'
    else usage.not_included_reason(p_workspace_id, p_metric)
  end;
  raise exception using
    errcode = '23U01',
    message = usage.gate_message(v_line, v_counter),
    detail = (usage.gate_answer(v_line, v_counter, null) || jsonb_build_object('workspaceId', p_workspace_id))::text;
end
$$;

comment on function usage.raise_limit_reached(uuid, text, bigint, bigint, bigint, bigint, boolean) is 'The refusal of a limit: SQLSTATE 23U01, in DETAIL the decision that the gate would give';

revoke execute on function usage.raise_limit_reached(uuid, text, bigint, bigint, bigint, bigint, boolean) from public;
