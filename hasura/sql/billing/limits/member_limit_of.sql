create or replace function billing.member_limit_of(
  workspace_id uuid,
  metric text,
  at timestamptz default now()
)
returns table (limit_value bigint, source text)
language plpgsql
stable
rows 1
as $$
declare
  _plan text;
begin
  select
    own.limit_value,
    'override'
  into limit_value, source
  from billing.member_limits as own
  where own.workspace_id = member_limit_of.workspace_id
    and own.metric = member_limit_of.metric;
  if found then
    if limit_value is not null then
      return next;
    end if;
    return;
  end if;

  _plan := billing.plan_of(member_limit_of.workspace_id, member_limit_of.at);
  select
    planned.limit_value,
    'plan'
  into limit_value, source
  from billing.member_limits as planned
  where planned.plan_id = _plan
    and planned.metric = member_limit_of.metric;
  if not found then
    return;
  end if;

  -- During the grace after a downgrade the higher limit applies; a plan without one is unlimited.
  select case
    when bool_or(kept.limit_value is null) then null
    else greatest(member_limit_of.limit_value, max(kept.limit_value))
  end
  into limit_value
  from billing.plan_graces as grace
  left join billing.member_limits as kept
    on kept.plan_id = grace.plan_id
    and kept.metric = member_limit_of.metric
  where grace.workspace_id = member_limit_of.workspace_id
    and grace.starts_at <= member_limit_of.at
    and grace.ends_at > member_limit_of.at;
  if limit_value is not null then
    return next;
  end if;
end
$$;

comment on function billing.member_limit_of(uuid, text, timestamptz) is 'Returns how much of a metric each member of a workspace may use at a moment, in the unit of the metric, and its source: override (set for the workspace) or plan. No row means that members have no limit of their own. Member counters, the gate and usage.member_current call it.';
