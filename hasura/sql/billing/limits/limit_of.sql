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
  c_most constant bigint := 9000000000000000000;
  _base record;
  _kept record;
  _added record;
  _override record;
  _overage_cap bigint;
begin
  -- Every metered write comes through here: a workspace that has only a plan is answered by this one statement.
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
      from billing.limit_overrides o
      where o.workspace_id = w.id
      and o.metric = limit_of.metric
    ) as has_overrides,
    exists (
      select
      from billing.subscription_add_ons b
      where b.workspace_id = w.id
      and b.metric = limit_of.metric
    ) as has_add_ons,
    exists (
      select
      from billing.plan_graces g
      where g.workspace_id = w.id
    ) as has_graces,
    (
      select least(
        'infinity',
        min(s.starts_at) filter (where s.starts_at > limit_of.at),
        min(s.ends_at) filter (where s.ends_at > limit_of.at),
        min(s.past_due_until) filter (where s.past_due_until > limit_of.at)
      )
      from billing.subscriptions s
      where s.workspace_id = w.id
    ) as changes_at
  into _base
  from public.workspaces w
  left join lateral billing.live_subscription(w.id, limit_of.at) live on true
  left join billing.plan_limits planned
    on planned.plan_id = coalesce(live.plan_id, 'free')
    and planned.metric = limit_of.metric
  where w.id = limit_of.workspace_id;

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

  if _base.has_graces then
    select p.limit_value, p.enforcement, p.overage_cap
    into _kept
    from billing.plan_graces g
    join billing.plan_limits p
      on p.plan_id = g.plan_id
      and p.metric = limit_of.metric
    where g.workspace_id = limit_of.workspace_id
    and g.starts_at <= limit_of.at
    and g.ends_at > limit_of.at
    order by p.limit_value desc nulls first
    limit 1;
    if found and (not included or coalesce(_kept.limit_value > limit_value, limit_value is not null)) then
      limit_value := _kept.limit_value;
      included := true;
      enforcement := _kept.enforcement;
      _overage_cap := _kept.overage_cap;
      source := 'grace';
    end if;
    -- least passes over nulls: what does not change leaves the others to say when
    select least(
      valid_until,
      min(g.starts_at) filter (where g.starts_at > limit_of.at),
      min(g.ends_at) filter (where g.ends_at > limit_of.at)
    )
    into valid_until
    from billing.plan_graces g
    where g.workspace_id = limit_of.workspace_id;
  end if;

  if _base.has_add_ons then
    select
      sum(b.unit_amount::numeric * b.quantity) filter (
        where b.starts_at <= limit_of.at
        and (b.ends_at is null or b.ends_at > limit_of.at)
        and (b.subscription_id is null or b.subscription_id = _base.subscription_id)
      ) as amount,
      min(b.starts_at) filter (where b.starts_at > limit_of.at) as starts_at,
      min(b.ends_at) filter (where b.ends_at > limit_of.at) as ends_at
    into _added
    from billing.subscription_add_ons b
    where b.workspace_id = limit_of.workspace_id
    and b.metric = limit_of.metric;
    valid_until := least(valid_until, _added.starts_at, _added.ends_at);
    if _added.amount is not null then
      limit_value := case when limit_value is not null then least(limit_value + _added.amount, c_most) end;
      included := true;
      source := case when source in ('plan', 'none') then 'add-on' else source end;
    end if;
  end if;

  if _base.has_overrides then
    select o.limit_value, o.enforcement, o.overage_cap
    into _override
    from billing.limit_overrides o
    where o.workspace_id = limit_of.workspace_id
    and o.metric = limit_of.metric
    and o.starts_at <= limit_of.at
    and (o.ends_at is null or o.ends_at > limit_of.at)
    order by o.starts_at desc, o.created_at desc
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
      min(o.starts_at) filter (where o.starts_at > limit_of.at),
      min(o.ends_at) filter (where o.ends_at > limit_of.at)
    )
    into valid_until
    from billing.limit_overrides o
    where o.workspace_id = limit_of.workspace_id
    and o.metric = limit_of.metric;
  end if;

  cap_value := case
    when enforcement = 'hard' then limit_value
    when limit_value is not null and _overage_cap is not null then least(limit_value::numeric + _overage_cap, c_most)
  end;
  return next;
end
$$;

comment on function billing.limit_of(uuid, text, timestamptz) is 'The limit of a workspace for a metric at a moment, one row always: override before plan (on trial, in grace) with add-ons; null is unlimited; not included is 0. cap_value is the ceiling that no use may pass, null where none; valid_until when the clock may change the answer.';
