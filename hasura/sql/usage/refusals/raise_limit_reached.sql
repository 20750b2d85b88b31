create or replace function usage.raise_limit_reached(
  p_workspace_id uuid,
  p_metric text,
  p_amount bigint,
  p_used bigint,
  p_reserved bigint,
  p_limit bigint,
  p_included boolean
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _line usage.gate_line;
  _counter usage.gate_counter;
begin
  select
    p_workspace_id,
    metrics.key,
    metrics.kind,
    period.period_start,
    period.period_end,
    coalesce(p_limit, 0),
    p_included,
    applicable.enforcement,
    applicable.source,
    p_used,
    p_reserved,
    applicable.cap_value - p_used - p_reserved,
    0::bigint,
    null::uuid
  into _counter
  from usage.metrics
  cross join lateral usage.period(p_workspace_id) as period
  cross join lateral billing.limit_of(p_workspace_id, p_metric) as applicable
  where metrics.key = p_metric;
  _line.op := 'consume';
  _line.workspace_id := p_workspace_id;
  _line.metric := p_metric;
  _line.amount := p_amount;
  _line.reason := case
    when p_included then 'usage-limit-exceeded'
    else usage.not_included_reason(p_workspace_id, p_metric)
  end;
  perform usage.refuse(
    usage.gate_answer(_line, _counter, null) || jsonb_build_object('workspaceId', p_workspace_id)
  );
end
$$;

comment on function usage.raise_limit_reached(uuid, text, bigint, bigint, bigint, bigint, boolean) is 'Refuses an addition to a counter by the limit of its workspace: SQLSTATE 23U01 with the decision that the gate would give. Amounts are in the unit of the metric. Called by usage.add_locked.';

revoke execute on function usage.raise_limit_reached(uuid, text, bigint, bigint, bigint, bigint, boolean) from public;
