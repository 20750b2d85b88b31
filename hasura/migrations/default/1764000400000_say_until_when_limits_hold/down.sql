drop function usage.note_level(uuid, text, timestamptz, bigint);

drop view usage.history;
drop function billing.limit_of(uuid, text, timestamptz);

create function billing.limit_of(workspace_id uuid, metric text, at timestamptz default now())
returns table (limit_value bigint, included boolean, enforcement text, source text)
language plpgsql
stable
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
  return next;
end
$$;

comment on function billing.limit_of(uuid, text, timestamptz) is 'The limit of a workspace for a metric at a moment, one row always: override before plan; null is unlimited; not included is 0.';

alter function billing.limit_of(uuid, text, timestamptz) rows 1;

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
  from usage.counters
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
