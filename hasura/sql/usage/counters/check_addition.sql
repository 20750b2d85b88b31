create or replace function usage.check_addition(p_workspace_id uuid, p_metric text, p_amount bigint)
returns usage.metrics
language plpgsql
stable
as $$
declare
  _metric usage.metrics;
begin
  -- Runs with the search path of usage.add_locked, its only caller, because setting it again takes time.
  select *
  into _metric
  from usage.metrics as metric
  where metric.key = p_metric;
  if not found then
    raise exception using
      errcode = '23U02',
      message = format('unknown metric "%s"', p_metric),
      detail = json_build_object('code', 'unknown-metric', 'metric', p_metric)::text;
  end if;
  if p_workspace_id is null or p_amount is null then
    raise exception using
      errcode = '23U02',
      message = format('%s cannot be counted without a workspace and an amount', p_metric),
      detail = json_build_object('code', 'invalid-input', 'metric', p_metric)::text;
  end if;
  if p_amount < 0 and _metric.kind = 'counter' then
    raise exception using
      errcode = '23U02',
      message = format('%s is a counter: what was used within a period is not given back', p_metric),
      detail = json_build_object('code', 'invalid-input', 'metric', p_metric)::text;
  end if;
  return _metric;
end
$$;

comment on function usage.check_addition(uuid, text, bigint) is 'Returns the metric of an addition; raises 23U02 for an unknown metric, a null workspace or amount, and a negative amount of a counter. Called by usage.add_locked';

revoke execute on function usage.check_addition(uuid, text, bigint) from public;
