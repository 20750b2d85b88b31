drop view usage.history;
drop view usage.current;

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
  plan text;
  plan_limit bigint;
  plan_enforcement text;
  override_limit bigint;
begin
  -- every metered write comes through here: short statements, and the plan inline
  select coalesce(
    (
      select s.plan_id
      from billing.subscriptions s
      where s.workspace_id = w.id
      and s.status in ('trialing', 'active', 'past_due', 'cancelled')
      and s.starts_at <= limit_of.at
      and (s.ends_at is null or s.ends_at > limit_of.at)
      order by s.starts_at desc, s.created_at desc
      limit 1
    ),
    'free'
  )
  into plan
  from public.workspaces w
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

  select l.limit_value, true, l.enforcement, 'plan'
  into limit_value, included, enforcement, source
  from billing.plan_limits l
  where l.plan_id = plan
  and l.metric = limit_of.metric;
  if not found then
    limit_value := 0;
    included := false;
    enforcement := 'hard';
    source := 'none';
  end if;

  select o.limit_value
  into override_limit
  from billing.limit_overrides o
  where o.workspace_id = limit_of.workspace_id
  and o.metric = limit_of.metric
  and o.starts_at <= limit_of.at
  and (o.ends_at is null or o.ends_at > limit_of.at)
  order by o.starts_at desc, o.created_at desc
  limit 1;
  if found then
    limit_value := override_limit;
    included := true;
    source := 'override';
  end if;

  cap_value := case when not included or enforcement is distinct from 'soft' then limit_value end;
  -- least passes over nulls: what does not change leaves the others to say when
  valid_until := least(
    'infinity',
    (
      select min(s.starts_at)
      from billing.subscriptions s
      where s.workspace_id = limit_of.workspace_id
      and s.starts_at > limit_of.at
    ),
    (
      select min(s.ends_at)
      from billing.subscriptions s
      where s.workspace_id = limit_of.workspace_id
      and s.ends_at > limit_of.at
    ),
    (
      select min(o.starts_at)
      from billing.limit_overrides o
      where o.workspace_id = limit_of.workspace_id
      and o.metric = limit_of.metric
      and o.starts_at > limit_of.at
    ),
    (
      select min(o.ends_at)
      from billing.limit_overrides o
      where o.workspace_id = limit_of.workspace_id
      and o.metric = limit_of.metric
      and o.ends_at > limit_of.at
    )
  );
  return next;
end
$$;

comment on function billing.limit_of(uuid, text, timestamptz) is 'The limit of a workspace for a metric at a moment, one row always: override before plan; null is unlimited; not included is 0. cap_value is the ceiling that no use may pass, null where none; valid_until when the clock may change the answer.';

create or replace function billing.plan_of(workspace_id uuid, at timestamptz default now()) returns text
language plpgsql
stable
as $$
begin
  return coalesce(
    (
      select s.plan_id
      from billing.subscriptions s
      where s.workspace_id = plan_of.workspace_id
      and s.status in ('trialing', 'active', 'past_due', 'cancelled')
      and s.starts_at <= plan_of.at
      and (s.ends_at is null or s.ends_at > plan_of.at)
      order by s.starts_at desc, s.created_at desc
      limit 1
    ),
    'free'
  );
end
$$;

comment on function billing.plan_of(uuid, timestamptz) is 'The plan of a workspace at a moment; free where no subscription was live. A cancelled one was, until it ended.';

create or replace function usage.not_included_reason(p_workspace_id uuid, p_metric text) returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select case when live.id is null and bound.plan_id is not null then 'plan-required' else 'feature-not-in-plan' end
  from (select 1) as one
  left join lateral (
    select subscription.id
    from billing.subscriptions as subscription
    where subscription.workspace_id = p_workspace_id
      and subscription.status in ('trialing', 'active', 'past_due', 'cancelled')
      and subscription.starts_at <= now()
      and (subscription.ends_at is null or subscription.ends_at > now())
    limit 1
  ) as live on true
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

drop function billing.live_subscription(uuid, timestamptz);

create view usage.current as
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
  counters.updated_at
from public.workspaces
cross join lateral (
  select present.period_start, present.period_end
  from usage.period(workspaces.id) as present
  limit 1
) as period
cross join lateral (
  select billing.plan_of(workspaces.id) as plan_id
  offset 0
) as plan
cross join usage.metrics
-- As billing.limit_of finds it, joined: called for each metric it cost three statements a row, four fifths of the view's time.
left join billing.plan_limits as planned
  on planned.plan_id = plan.plan_id
  and planned.metric = metrics.key
left join lateral (
  select applying.limit_value, true as applies
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
    case
      when override.applies then override.limit_value
      when planned.metric is not null then planned.limit_value
      else 0
    end as limit_value,
    override.applies is true or planned.metric is not null as included
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

comment on view usage.current is 'Use of every metric by every workspace in the present period, also where nothing was used yet.';
comment on column usage.current.limit_value is 'Null is unlimited; 0 with included false is not in the plan.';
comment on column usage.current.percent is 'Of the limit, above 100 where more than the limit is used; null without a limit.';
comment on column usage.current.status is 'ok, info from 75 percent, warning from 90, critical from 100.';
comment on column usage.current.resets_at is 'When the counter starts again at zero; null for a gauge.';
comment on column usage.current.forecast_at is 'When the limit is reached at the rate of use so far; null if not before the reset. For a gauge the growth since the workspace began.';

create view usage.history as
select
  past.workspace_id,
  past.metric,
  metrics.kind,
  metrics.unit,
  past.period_start,
  ended.period_end,
  past.used,
  past.peak,
  bound.limit_value
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

comment on view usage.history is 'Use in the periods that have ended.';
comment on column usage.history.used is 'What a counter reached; null for a gauge, which only has a peak.';
comment on column usage.history.peak is 'The highest level in the period; for a counter what it reached.';
comment on column usage.history.limit_value is 'The limit at the end of the period.';
