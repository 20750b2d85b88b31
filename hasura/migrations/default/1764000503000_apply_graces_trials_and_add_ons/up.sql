create function billing.live_subscription(workspace_id uuid, at timestamptz default now())
returns table (subscription_id uuid, plan_id text, status text)
language sql
stable
rows 1
-- Without a setting and with one statement, so that it becomes part of the statements that ask it.
as $$
  select s.id, s.plan_id, s.status
  from billing.subscriptions s
  where s.workspace_id = live_subscription.workspace_id
  and s.status in ('trialing', 'active', 'past_due', 'cancelled')
  and s.starts_at <= live_subscription.at
  and (s.ends_at is null or s.ends_at > live_subscription.at)
  and (s.past_due_until is null or s.past_due_until > live_subscription.at)
  order by s.starts_at desc, s.created_at desc
  limit 1
$$;

comment on function billing.live_subscription(uuid, timestamptz) is 'The subscription that a workspace lives on at a moment; no row means free. A cancelled one counts until it ended, one that is past due until its grace is over.';

create or replace function billing.plan_of(workspace_id uuid, at timestamptz default now()) returns text
language plpgsql
stable
as $$
begin
  return coalesce(
    (
      select live.plan_id
      from billing.live_subscription(plan_of.workspace_id, plan_of.at) live
    ),
    'free'
  );
end
$$;

comment on function billing.plan_of(uuid, timestamptz) is 'The plan of a workspace at a moment; free where no subscription was live. A cancelled one was, until it ended, and one that is past due until its grace is over.';

create or replace function usage.not_included_reason(p_workspace_id uuid, p_metric text) returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select case when live.subscription_id is null and bound.plan_id is not null then 'plan-required' else 'feature-not-in-plan' end
  from (select 1) as one
  left join lateral billing.live_subscription(p_workspace_id) as live on true
  left join lateral (
    select subscription.plan_id
    from billing.subscriptions as subscription
    where subscription.workspace_id = p_workspace_id
      and subscription.starts_at <= now()
    order by subscription.starts_at desc, subscription.created_at desc
    limit 1
  ) as lapsed on true
  left join billing.plan_limits as bound
    on bound.plan_id = lapsed.plan_id
    and bound.metric = p_metric
$$;

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

create or replace view usage.current as
select
  workspaces.id as workspace_id,
  metrics.key as metric,
  metrics.kind,
  metrics.unit,
  coalesce(counters.used, 0) as used,
  held.reserved,
  bound.limit_value,
  case
    when bound.limit_value is not null then greatest(bound.limit_value - coalesce(counters.used, 0) - held.reserved, 0)
  end as remaining,
  round(share.percent, 2) as percent,
  usage.status_of(share.percent) as status,
  period.period_start,
  case metrics.kind when 'counter' then period.period_end end as resets_at,
  -- The rate up to the last use, not up to now: a value that changed with the clock would be sent to every
  -- live subscription at every poll.
  case
    when counters.used > 0 and counters.used >= bound.limit_value then counters.updated_at
    when counters.used > 0
      and bound.limit_value is not null
      and rate.elapsed > 0
      and rate.seconds_to_limit < 315360000
      and (
        metrics.kind = 'gauge'
        or counters.updated_at + make_interval(secs => rate.seconds_to_limit) < period.period_end
      )
      then date_trunc('second', counters.updated_at + make_interval(secs => rate.seconds_to_limit))
  end as forecast_at,
  plan.plan_id,
  bound.included,
  counters.updated_at,
  greatest(coalesce(counters.used, 0) - bound.limit_value, 0) as overage,
  bound.enforcement,
  case
    when bound.enforcement = 'hard' then bound.limit_value
    when bound.overage_cap is not null then least(bound.limit_value::numeric + bound.overage_cap, 9000000000000000000)::bigint
  end as cap_value,
  bound.source
from public.workspaces
cross join lateral (
  select present.period_start, present.period_end
  from usage.period(workspaces.id) as present
  limit 1
) as period
cross join lateral (
  select
    coalesce(live.plan_id, 'free') as plan_id,
    live.subscription_id,
    live.status,
    exists (
      select
      from billing.subscription_add_ons as bought
      where bought.workspace_id = workspaces.id
    ) as has_add_ons,
    exists (
      select
      from billing.plan_graces as grace
      where grace.workspace_id = workspaces.id
    ) as has_graces
  from (select 1) as one
  left join lateral billing.live_subscription(workspaces.id) as live on true
  offset 0
) as plan
cross join usage.metrics
-- As billing.limit_of finds it, joined: called for each metric it cost three statements a row, four fifths of the view's time.
left join billing.plan_limits as planned
  on planned.plan_id = plan.plan_id
  and planned.metric = metrics.key
-- Most workspaces have neither, and look for none.
cross join lateral (
  select
    case when plan.has_graces then (
      select grace.plan_id
      from billing.plan_graces as grace
      join billing.plan_limits as bound
        on bound.plan_id = grace.plan_id
        and bound.metric = metrics.key
      where grace.workspace_id = workspaces.id
        and grace.starts_at <= now()
        and grace.ends_at > now()
      order by bound.limit_value desc nulls first
      limit 1
    ) end as kept_plan_id,
    case when plan.has_add_ons then (
      select sum(bought.unit_amount::numeric * bought.quantity)
      from billing.subscription_add_ons as bought
      where bought.workspace_id = workspaces.id
        and bought.metric = metrics.key
        and bought.starts_at <= now()
        and (bought.ends_at is null or bought.ends_at > now())
        and (bought.subscription_id is null or bought.subscription_id = plan.subscription_id)
    ) end as amount
  offset 0
) as added
left join billing.plan_limits as kept
  on kept.plan_id = added.kept_plan_id
  and kept.metric = metrics.key
left join lateral (
  select applying.limit_value, applying.enforcement, applying.overage_cap, true as applies
  from billing.limit_overrides as applying
  where applying.workspace_id = workspaces.id
    and applying.metric = metrics.key
    and applying.starts_at <= now()
    and (applying.ends_at is null or applying.ends_at > now())
  order by applying.starts_at desc, applying.created_at desc
  limit 1
) as override on true
cross join lateral (
  select
    plan.status is not distinct from 'trialing' and planned.trial_limit_value is not null as on_trial,
    case
      when planned.metric is null then 0
      when plan.status = 'trialing' then coalesce(planned.trial_limit_value, planned.limit_value)
      else planned.limit_value
    end as limit_value
) as own
cross join lateral (
  select kept.metric is not null
    and (planned.metric is null or coalesce(kept.limit_value > own.limit_value, own.limit_value is not null)) as is_kept
) as higher
cross join lateral (
  select
    case when higher.is_kept then kept.limit_value else own.limit_value end as limit_value,
    case when higher.is_kept then kept.enforcement else coalesce(planned.enforcement, 'hard') end as enforcement,
    case when higher.is_kept then kept.overage_cap else planned.overage_cap end as overage_cap
) as base
cross join lateral (
  select
    case
      when override.applies then override.limit_value
      when added.amount is null or base.limit_value is null then base.limit_value
      else least(base.limit_value + added.amount, 9000000000000000000)::bigint
    end as limit_value,
    override.applies is true or planned.metric is not null or higher.is_kept or added.amount is not null as included,
    coalesce(override.enforcement, base.enforcement) as enforcement,
    case when override.enforcement is null then base.overage_cap else override.overage_cap end as overage_cap,
    case
      when override.applies then 'override'
      when higher.is_kept or (planned.metric is not null and plan.status = 'past_due') then 'grace'
      when own.on_trial then 'trial'
      when added.amount is not null then 'add-on'
      when planned.metric is not null then 'plan'
      else 'none'
    end as source
  -- Fenced: the columns above would each compute it again.
  offset 0
) as bound
left join usage.counter_totals as counters
  on counters.workspace_id = workspaces.id
  and counters.metric = metrics.key
  and counters.period_start = case metrics.kind when 'gauge' then '-infinity' else period.period_start end
cross join lateral (
  select coalesce(sum(reservations.amount), 0)::bigint as reserved
  from usage.reservations
  where reservations.workspace_id = workspaces.id
    and reservations.metric = metrics.key
    and reservations.status = 'held'
    and reservations.expires_at > now()
) as held
cross join lateral (
  select
    case
      when bound.limit_value > 0 then coalesce(counters.used, 0) * 100::numeric / bound.limit_value
      when bound.limit_value = 0 and counters.used > 0 then 100::numeric
      when bound.limit_value = 0 then 0::numeric
    end as percent
) as share
cross join lateral (
  select
    extract(epoch from counters.updated_at - case metrics.kind when 'gauge' then workspaces.created_at else period.period_start end)
      as elapsed,
    (
      (bound.limit_value - counters.used)
      * extract(epoch from counters.updated_at - case metrics.kind when 'gauge' then workspaces.created_at else period.period_start end)
      / nullif(counters.used, 0)
    )::double precision as seconds_to_limit
) as rate;

create or replace view usage.history as
select
  past.workspace_id,
  past.metric,
  metrics.kind,
  metrics.unit,
  past.period_start,
  ended.period_end,
  past.used,
  past.peak,
  bound.limit_value,
  greatest(coalesce(past.used, past.peak) - bound.limit_value, 0) as overage
from (
  select
    counters.workspace_id,
    counters.metric,
    counters.period_start,
    counters.used,
    counters.used as peak
  from usage.counter_totals as counters
  where counters.period_start > '-infinity'
  union all
  select
    peaks.workspace_id,
    peaks.metric,
    peaks.period_start,
    null::bigint,
    peaks.peak
  from usage.peaks
) as past
join usage.metrics
  on metrics.key = past.metric
cross join lateral (
  select period.period_end
  from usage.period(past.workspace_id, past.period_start) as period
  limit 1
) as ended
cross join lateral (
  select applying.limit_value
  from billing.limit_of(past.workspace_id, past.metric, ended.period_end - interval '1 microsecond') as applying
  limit 1
) as bound
where ended.period_end <= now();

comment on column usage.current.overage is 'Use above the limit, whether the limit is soft or was lowered below the use.';
comment on column usage.current.cap_value is 'What no use may pass: the limit where it is hard, limit and overage cap where it is soft; null is no ceiling.';
comment on column usage.current.source is 'Where the limit comes from, as billing.limit_of says.';
comment on column usage.history.overage is 'How far the use, or the peak of a gauge, was above the limit at the end of the period.';
