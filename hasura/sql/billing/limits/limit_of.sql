create or replace function billing.limit_of(workspace_id uuid, metric text, at timestamptz default now())
returns table (
  limit_value bigint,
  included boolean,
  enforcement text,
  source text,
  cap_value bigint,
  valid_until timestamptz
)
language plpgsql
stable
rows 1
as $$
declare
  -- Limits stop below the largest bigint, so that use above a limit does not overflow.
  _maximum constant bigint := 9000000000000000000;
  _base record;
  _grace record;
  _added record;
  _override record;
  _overage_cap bigint;
begin
  -- One statement answers a workspace that has a plan only, which is most of them: the steps below are skipped.
  select
    live.subscription_id,
    live.status,
    planned.plan_id is not null as is_planned,
    planned.limit_value,
    planned.trial_limit_value,
    planned.enforcement,
    planned.overage_cap,
    exists (
      select
      from billing.limit_overrides as override
      where override.workspace_id = workspace.id
        and override.metric = limit_of.metric
    ) as has_overrides,
    exists (
      select
      from billing.subscription_add_ons as bought
      where bought.workspace_id = workspace.id
        and bought.metric = limit_of.metric
    ) as has_add_ons,
    exists (
      select
      from billing.plan_graces as grace
      where grace.workspace_id = workspace.id
    ) as has_graces,
    (
      select least(
        'infinity',
        min(subscription.starts_at) filter (where subscription.starts_at > limit_of.at),
        min(subscription.ends_at) filter (where subscription.ends_at > limit_of.at),
        min(subscription.past_due_until) filter (where subscription.past_due_until > limit_of.at)
      )
      from billing.subscriptions as subscription
      where subscription.workspace_id = workspace.id
    ) as changes_at
  into _base
  from public.workspaces as workspace
  left join lateral billing.live_subscription(workspace.id, limit_of.at) as live
    on true
  left join billing.plan_limits as planned
    on planned.plan_id = coalesce(live.plan_id, 'free')
    and planned.metric = limit_of.metric
  where workspace.id = limit_of.workspace_id;

  if not found then
    limit_value := 0;
    included := false;
    enforcement := 'hard';
    source := 'unknown-workspace';
    cap_value := 0;
    valid_until := 'infinity';
    return next;
    return;
  end if;

  valid_until := _base.changes_at;
  included := _base.is_planned;
  if included then
    limit_value := _base.limit_value;
    enforcement := _base.enforcement;
    _overage_cap := _base.overage_cap;
    source := case when _base.status = 'past_due' then 'grace' else 'plan' end;
    if _base.status = 'trialing' and _base.trial_limit_value is not null then
      limit_value := _base.trial_limit_value;
      source := 'trial';
    end if;
  else
    limit_value := 0;
    enforcement := 'hard';
    source := 'none';
  end if;

  -- A grace applies only where it allows more than the plan.
  if _base.has_graces then
    select
      kept.limit_value,
      kept.enforcement,
      kept.overage_cap
    into _grace
    from billing.plan_graces as grace
    join billing.plan_limits as kept
      on kept.plan_id = grace.plan_id
      and kept.metric = limit_of.metric
    where grace.workspace_id = limit_of.workspace_id
      and grace.starts_at <= limit_of.at
      and grace.ends_at > limit_of.at
    order by kept.limit_value desc nulls first
    limit 1;
    if found and (not included or coalesce(_grace.limit_value > limit_value, limit_value is not null)) then
      limit_value := _grace.limit_value;
      included := true;
      enforcement := _grace.enforcement;
      _overage_cap := _grace.overage_cap;
      source := 'grace';
    end if;
    -- least ignores nulls: a bound that does not exist never comes first.
    select least(
      valid_until,
      min(grace.starts_at) filter (where grace.starts_at > limit_of.at),
      min(grace.ends_at) filter (where grace.ends_at > limit_of.at)
    )
    into valid_until
    from billing.plan_graces as grace
    where grace.workspace_id = limit_of.workspace_id;
  end if;

  -- Add-ons add to plan or grace, leave unlimited alone and include a metric that the plan lacks.
  if _base.has_add_ons then
    select
      sum(bought.unit_amount::numeric * bought.quantity) filter (
        where bought.starts_at <= limit_of.at
          and (bought.ends_at is null or bought.ends_at > limit_of.at)
          and (bought.subscription_id is null or bought.subscription_id = _base.subscription_id)
      ) as amount,
      min(bought.starts_at) filter (where bought.starts_at > limit_of.at) as starts_at,
      min(bought.ends_at) filter (where bought.ends_at > limit_of.at) as ends_at
    into _added
    from billing.subscription_add_ons as bought
    where bought.workspace_id = limit_of.workspace_id
      and bought.metric = limit_of.metric;
    valid_until := least(valid_until, _added.starts_at, _added.ends_at);
    if _added.amount is not null then
      limit_value := case when limit_value is not null then least(limit_value + _added.amount, _maximum)::bigint end;
      included := true;
      source := case when source in ('plan', 'none') then 'add-on' else source end;
    end if;
  end if;

  -- An override replaces all of these. Without an enforcement of its own it keeps theirs.
  if _base.has_overrides then
    select
      override.limit_value,
      override.enforcement,
      override.overage_cap
    into _override
    from billing.limit_overrides as override
    where override.workspace_id = limit_of.workspace_id
      and override.metric = limit_of.metric
      and override.starts_at <= limit_of.at
      and (override.ends_at is null or override.ends_at > limit_of.at)
    order by override.starts_at desc, override.created_at desc
    limit 1;
    if found then
      limit_value := _override.limit_value;
      included := true;
      source := 'override';
      if _override.enforcement is not null then
        enforcement := _override.enforcement;
        _overage_cap := _override.overage_cap;
      end if;
    end if;
    select least(
      valid_until,
      min(override.starts_at) filter (where override.starts_at > limit_of.at),
      min(override.ends_at) filter (where override.ends_at > limit_of.at)
    )
    into valid_until
    from billing.limit_overrides as override
    where override.workspace_id = limit_of.workspace_id
      and override.metric = limit_of.metric;
  end if;

  cap_value := case
    when enforcement = 'hard' then limit_value
    when limit_value is not null and _overage_cap is not null
      then least(limit_value::numeric + _overage_cap, _maximum)::bigint
  end;
  return next;
end
$$;

comment on function billing.limit_of(uuid, text, timestamptz) is 'Returns the limit of a workspace for a metric at a moment, always one row, in the unit of the metric. limit_value: null is unlimited, 0 with included false is not in the plan. source: override, grace, trial, add-on, plan, none or unknown-workspace. cap_value is the ceiling that no use may pass, null for none; valid_until is the moment from which the clock alone may change the row. Counters, the gate, leases and reports call it.';
