-- hasura/sql/analytics/retention/retained_tables.sql
create or replace view analytics.retained_tables as
select
  kept.table_name,
  kept.keep_days,
  (
    select case
        when bool_or(attribute.attname = 'occurred_at') then 'occurred_at'
        when bool_or(attribute.attname = 'hour') then 'hour'
        when bool_or(attribute.attname = 'received_at') then 'received_at'
      end
    from pg_catalog.pg_attribute as attribute
    where attribute.attrelid = relation.oid
      and attribute.atttypid = 'timestamptz'::regtype
  ) as time_column,
  exists (
    select
    from pg_catalog.pg_attribute as attribute
    where attribute.attrelid = relation.oid
      and attribute.attname = 'workspace_id'
  ) as has_workspace_id,
  exists (
    select
    from pg_catalog.pg_attribute as attribute
    where attribute.attrelid = relation.oid
      and attribute.attname = 'user_id'
  ) as has_user_id,
  exists (
    select
    from pg_catalog.pg_constraint as reference
    where reference.conrelid = relation.oid
      and reference.confrelid = 'public.workspaces'::regclass
      and reference.confdeltype = 'c'
  ) as references_workspaces
from (
  select retention.table_name, retention.keep_days
  from analytics.retention
  union all
  -- A key outlives its event, which goes with the rest of its month.
  select 'event_keys', retention.keep_days + 35
  from analytics.retention
  where retention.table_name = 'events'
) as kept
join pg_catalog.pg_class as relation
  on relation.relnamespace = 'analytics'::regnamespace
  and relation.relname = kept.table_name;

comment on view analytics.retained_tables is 'The tables whose rows retention, erasure and the deletion of workspaces apply to: those of analytics.retention, and event_keys.';
comment on column analytics.retained_tables.time_column is 'The column that the age of a row is counted from: occurred_at, hour or received_at. Null for a table without such a column.';
comment on column analytics.retained_tables.references_workspaces is 'Whether a foreign key deletes the rows of a deleted workspace.';

-- hasura/sql/billing/subscriptions/live_subscription.sql
create or replace function billing.live_subscription(workspace_id uuid, at timestamptz default now())
returns table (subscription_id uuid, plan_id text, status text)
language sql
stable
rows 1
as $$
  select
    subscription.id,
    subscription.plan_id,
    subscription.status
  from billing.subscriptions as subscription
  where subscription.workspace_id = live_subscription.workspace_id
    and subscription.status in ('trialing', 'active', 'past_due', 'cancelled')
    and subscription.starts_at <= live_subscription.at
    and (subscription.ends_at is null or subscription.ends_at > live_subscription.at)
    and (subscription.past_due_until is null or subscription.past_due_until > live_subscription.at)
  order by subscription.starts_at desc, subscription.created_at desc
  limit 1
$$;

comment on function billing.live_subscription(uuid, timestamptz) is 'Returns the subscription that is live for a workspace at a moment, or no row, which means the plan free. A cancelled subscription is live until ends_at, a past due one until past_due_until. Where several are live, the latest start wins. Postgres inlines it into the caller.';

-- hasura/sql/billing/subscriptions/plan_of.sql
create or replace function billing.plan_of(workspace_id uuid, at timestamptz default now())
returns text
language plpgsql
stable
as $$
begin
  return coalesce(
    (
      select live.plan_id
      from billing.live_subscription(plan_of.workspace_id, plan_of.at) as live
    ),
    'free'
  );
end
$$;

comment on function billing.plan_of(uuid, timestamptz) is 'Returns the plan of the subscription that is live for a workspace at a moment; free without one and for an unknown workspace.';

-- hasura/sql/billing/limits/rate_limit_of.sql
create or replace function billing.rate_limit_of(workspace_id uuid, at timestamptz default now())
returns table (
  limit_per_minute bigint,
  plan_id text,
  source text,
  valid_until timestamptz
)
language sql
stable
rows 1
as $$
  select
    case
      when workspace.id is null then 0
      when override.source is not null then override.limit_value
      else coalesce(plan.rate_limit_per_minute, 0)
    end,
    present.plan_id,
    case
      when workspace.id is null then 'unknown-workspace'
      when override.source is not null then override.source
      when plan.id is not null then 'plan'
      else 'none'
    end,
    -- least ignores nulls: a bound that does not exist never comes first.
    least(
      'infinity',
      (
        select min(bound.at)
        from billing.subscriptions as subscription
        cross join lateral (values (subscription.starts_at), (subscription.ends_at)) as bound (at)
        where subscription.workspace_id = rate_limit_of.workspace_id
          and bound.at > rate_limit_of.at
      ),
      (
        select min(bound.at)
        from billing.limit_overrides as applying
        cross join lateral (values (applying.starts_at), (applying.ends_at)) as bound (at)
        where applying.workspace_id = rate_limit_of.workspace_id
          and applying.metric = 'requests_per_minute'
          and bound.at > rate_limit_of.at
      )
    )
  from (values (billing.plan_of(rate_limit_of.workspace_id, rate_limit_of.at))) as present (plan_id)
  left join public.workspaces as workspace
    on workspace.id = rate_limit_of.workspace_id
  left join billing.plans as plan
    on plan.id = present.plan_id
  left join lateral (
    select
      applying.limit_value,
      'override'::text as source
    from billing.limit_overrides as applying
    where applying.workspace_id = rate_limit_of.workspace_id
      and applying.metric = 'requests_per_minute'
      and applying.starts_at <= rate_limit_of.at
      and (applying.ends_at is null or applying.ends_at > rate_limit_of.at)
    order by applying.starts_at desc, applying.created_at desc
    limit 1
  ) as override
    on true
$$;

comment on function billing.rate_limit_of(uuid, timestamptz) is 'Returns the requests a minute that a workspace may send at a moment, always one row: an override of requests_per_minute, else the limit of its plan. limit_per_minute: null is unlimited, 0 for an unknown workspace or plan. valid_until is the moment from which the clock alone may change the row. The gateway calls it.';

-- hasura/sql/usage/access/announce_member.sql
create or replace function usage.announce_member(workspace_id uuid, user_id uuid)
returns void
language sql
set search_path = pg_catalog, pg_temp
as $$
  select pg_notify(
    'hasura_usage_access',
    'member:' || announce_member.workspace_id || ':' || announce_member.user_id
  )
$$;

comment on function usage.announce_member(uuid, uuid) is 'Tells every gateway, when the transaction commits, to forget what usage.member_role said of this user in this workspace, and to end the sockets that it no longer allows. Call it from a trigger of the table that usage.member_role reads, after an update or delete. Without it a gateway notices a change of membership for new requests within 5 s and for open sockets not before their token expires.';

-- hasura/sql/usage/alerts/alert_thresholds.sql
create or replace function usage.alert_thresholds(p_workspace_id uuid, p_metric text, p_limit bigint)
returns table (
  threshold_percent integer,
  threshold_value bigint,
  level bigint
)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select
    chosen.threshold_percent,
    chosen.threshold_value,
    case
      when chosen.threshold_percent is null then chosen.threshold_value
      when p_limit is null then null
      -- With a limit of zero the first unit reaches every threshold.
      else least(
        greatest(1, ceil(p_limit * chosen.threshold_percent::numeric / 100)),
        9223372036854775807
      )::bigint
    end
  from (
    select preset.percent as threshold_percent, null::bigint as threshold_value
    from unnest(array[75, 90, 100]) as preset (percent)
    where not exists (
      select
      from usage.alert_rules
      where alert_rules.workspace_id = p_workspace_id
        and alert_rules.metric = p_metric
        and alert_rules.threshold_percent = preset.percent
    )
    union all
    select alert_rules.threshold_percent, alert_rules.threshold_value
    from usage.alert_rules
    where alert_rules.workspace_id = p_workspace_id
      and alert_rules.metric = p_metric
      and alert_rules.enabled
  ) as chosen
$$;

comment on function usage.alert_thresholds(uuid, text, bigint) is 'The thresholds of a workspace for a metric: 75, 90 and 100 percent and its own rules. level is the use, in the unit of the metric, at which the threshold is reached; null where the limit is unlimited.';

revoke execute on function usage.alert_thresholds(uuid, text, bigint) from public;

-- hasura/sql/usage/alerts/status_of.sql
create or replace function usage.status_of(p_percent numeric)
returns text
language sql
immutable
as $$
  select case
    when p_percent >= 100 then 'critical'
    when p_percent >= 90 then 'warning'
    when p_percent >= 75 then 'info'
    else 'ok'
  end
$$;

comment on function usage.status_of(numeric) is 'The status of a share of the limit: ok, info from 75 percent, warning from 90, critical from 100. Null, for no limit, is ok.';

-- hasura/sql/usage/counters/counter_totals.sql
create or replace view usage.counter_totals as
select
  counter.workspace_id,
  counter.metric,
  counter.period_start,
  -- The tests of granted keep an unsharded counter from reading a second table.
  counter.used + case when counter.granted > 0 then on_shards.used else 0 end as used,
  case when counter.granted > 0 then greatest(counter.updated_at, on_shards.updated_at) else counter.updated_at end as updated_at,
  case when counter.granted > 0 then counter.granted - on_shards.used else 0 end as headroom,
  counter.alert_at,
  counter.alert_due
from usage.counters as counter
left join lateral (
  select
    coalesce(sum(shard.used), 0)::bigint as used,
    max(shard.updated_at) filter (where shard.used > 0) as updated_at
  from usage.counter_shards as shard
  where counter.granted > 0
    and shard.workspace_id = counter.workspace_id
    and shard.metric = counter.metric
    and shard.period_start = counter.period_start
) as on_shards on true;

comment on view usage.counter_totals is 'The use of every counter and gauge, in the metric''s unit, its shards included; every reader of a total reads it here';

comment on column usage.counter_totals.headroom is 'Units granted to shards and not used yet; 0 for an unsharded counter';

-- hasura/sql/usage/gate/expire_reservations.sql
create or replace function usage.expire_reservations()
returns integer
language sql
security definer
set search_path = pg_catalog, pg_temp
as $$
  with due as (
    select reservations.id
    from usage.reservations
    where reservations.status = 'held'
      and reservations.expires_at <= now()
    for update skip locked
  ),
  expired as (
    update usage.reservations
    set status = 'expired'
    from due
    where reservations.id = due.id
    returning 1
  )
  select count(*)::integer
  from expired
$$;

comment on function usage.expire_reservations() is 'Marks the reservations whose time is over as expired and returns how many. It changes no figure: a reservation stops counting against the limit at expires_at, marked or not. It skips rows that a transaction has locked. The cron job usage_expire_reservations calls it.';

revoke execute on function usage.expire_reservations() from public;

-- hasura/sql/usage/gate/gate_limited_by.sql
create or replace function usage.gate_limited_by(p_line usage.gate_line, p_counter usage.gate_counter)
returns text
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
  select case
    when p_line.reason = 'usage-limit-exceeded' and p_counter.enforcement = 'soft' then 'overage-cap'
    when p_line.reason = 'usage-limit-exceeded' and p_counter.source = 'plan' then 'plan-limit'
    when p_line.reason = 'usage-limit-exceeded' then p_counter.source
    when p_line.reason = 'feature-not-in-plan' then 'plan'
    when p_line.reason = 'plan-required' then 'subscription'
    when p_line.reason in ('unknown-metric', 'row-metered') then 'metric'
    when p_line.reason = 'workspace-forbidden' then 'workspace'
    when p_line.reason in ('reservation-not-found', 'reservation-expired') then 'reservation'
    when p_line.reason = 'idempotency-conflict' then 'idempotency-key'
    when p_line.reason is not null then 'request'
  end
$$;

comment on function usage.gate_limited_by(usage.gate_line, usage.gate_counter) is 'Which limit or which part of the request a refusal is about; null for what was allowed.';

revoke execute on function usage.gate_limited_by(usage.gate_line, usage.gate_counter) from public;

-- hasura/sql/usage/gate/gate_list_answer.sql
create or replace function usage.gate_list_answer(p_answers jsonb[])
returns jsonb
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
  select case when refused.answer is null then '{}' else refused.answer end
    || jsonb_build_object(
      'allowed', refused.answer is null,
      'items', (
        select jsonb_agg(
          case
            when refused.answer is null then item.answer
            else item.answer || '{"granted": 0, "reservationId": null, "expiresAt": null}'
          end
          order by item.item_no
        )
        from unnest(p_answers) with ordinality as item (answer, item_no)
      )
    )
  from (select 1) as one
  left join lateral (
    select item.answer
    from unnest(p_answers) with ordinality as item (answer, item_no)
    where not (item.answer ->> 'allowed')::boolean
    order by item.item_no
    limit 1
  ) as refused on true
$$;

comment on function usage.gate_list_answer(jsonb[]) is 'The answer to a request with items: that of the first refused item, with the answers of all under items. Unless every item is allowed, granted is 0 for each. A step of usage.gate_many.';

revoke execute on function usage.gate_list_answer(jsonb[]) from public;

-- hasura/sql/usage/gate/gate_own_hold.sql
create or replace function usage.gate_own_hold(p_line usage.gate_line)
returns usage.reservations
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select reservations
  from usage.reservations
  where reservations.id = p_line.reservation_id
    and reservations.status = 'held'
    and p_line.op = 'commit'
$$;

comment on function usage.gate_own_hold(usage.gate_line) is 'The reservation that a refused commit leaves as it was; null for any other line. Used for the figures of a refusal.';

revoke execute on function usage.gate_own_hold(usage.gate_line) from public;

-- hasura/sql/usage/gate/gate_retry_after.sql
create or replace function usage.gate_retry_after(p_line usage.gate_line, p_counter usage.gate_counter)
returns integer
language sql
set search_path = pg_catalog, pg_temp
as $$
  select greatest(ceil(extract(epoch from fits.at - clock_timestamp())), 1)::integer
  from (
    select
      least(
        -- The next period begins with nothing used.
        case
          when p_counter.kind = 'counter' and p_line.amount <= p_counter.free + p_counter.used + p_counter.reserved
            then p_counter.period_end
        end,
        -- Enough other reservations have expired.
        case
          when p_counter.reserved > 0 and p_line.amount <= p_counter.free + p_counter.reserved then (
            select min(freed.expires_at)
            from (
              select
                reservations.expires_at,
                sum(reservations.amount) over (order by reservations.expires_at, reservations.id) as amount
              from usage.reservations
              where reservations.workspace_id = p_counter.workspace_id
                and reservations.metric = p_counter.metric
                and reservations.status = 'held'
                and reservations.expires_at > now()
                and reservations.id is distinct from own.id
            ) as freed
            where freed.amount >= p_line.amount - p_counter.free - coalesce(own.amount, 0)
          )
        end
      ) as at,
      own.expires_at as own_expires_at
    from (values (usage.gate_own_hold(p_line))) as line (hold)
    cross join lateral (
      select (line.hold).id, (line.hold).amount, (line.hold).expires_at
    ) as own
  ) as fits
  where fits.at is not null
    -- A commit comes too late once its own reservation has expired.
    and (fits.own_expires_at is null or fits.at < fits.own_expires_at)
$$;

comment on function usage.gate_retry_after(usage.gate_line, usage.gate_counter) is 'Seconds, at least 1, until a refused amount may fit without anybody acting: when the next period begins, or when enough other reservations have expired. Null where time does not help. A step of usage.gate_many.';

revoke execute on function usage.gate_retry_after(usage.gate_line, usage.gate_counter) from public;

-- hasura/sql/billing/limits/member_limit_of.sql
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

-- hasura/sql/billing/periods/anchored_period.sql
create or replace function billing.anchored_period(p_anchor_at timestamptz, p_time_zone text, p_at timestamptz)
returns table (period_start timestamptz, period_end timestamptz)
language plpgsql
immutable
rows 1
as $$
declare
  -- Months are counted from the anchor itself: counted from the month before, day 31 would become day 28 after February.
  _origin timestamp := coalesce(p_anchor_at at time zone p_time_zone, timestamp '2000-01-01');
  _local_at timestamp := p_at at time zone p_time_zone;
  _months integer := (
    (extract(year from _local_at) - extract(year from _origin)) * 12
    + extract(month from _local_at)
    - extract(month from _origin)
  )::integer;
begin
  period_start := (_origin + make_interval(months => _months)) at time zone p_time_zone;
  -- Instants are compared, because a local time may occur twice or never when clocks change.
  if period_start > p_at then
    period_end := period_start;
    period_start := (_origin + make_interval(months => _months - 1)) at time zone p_time_zone;
  else
    period_end := (_origin + make_interval(months => _months + 1)) at time zone p_time_zone;
  end if;
  return next;
end
$$;

comment on function billing.anchored_period(timestamptz, text, timestamptz) is 'Returns the period [start, end) that contains a moment: one month in local time from the anchor''s day and time, or the calendar month where the anchor is null. Pure arithmetic: usage.period adds what a workspace has recorded.';

-- hasura/sql/usage/periods/period.sql
create or replace function usage.period(workspace_id uuid, at timestamptz default now())
returns table (period_start timestamptz, period_end timestamptz)
language plpgsql
stable
rows 1
as $$
declare
  _zone text;
  _has_anchors boolean;
  _local_start timestamp;
  _governing billing.period_anchors;
  _next_from timestamptz;
begin
  select
    workspace.time_zone,
    exists (
      select
      from billing.period_anchors as anchor
      where anchor.workspace_id = workspace.id
    )
  into _zone, _has_anchors
  from public.workspaces as workspace
  where workspace.id = period.workspace_id;
  _zone := coalesce(_zone, 'UTC');

  -- The gate and every metered write beyond its headroom call this. One query answers a workspace without an anchor.
  if _has_anchors is not true then
    _local_start := date_trunc('month', period.at at time zone _zone);
    period_start := _local_start at time zone _zone;
    period_end := (_local_start + interval '1 month') at time zone _zone;
    -- False only where the clocks change at the start of a month; billing.anchored_period then compares instants.
    if period_start <= period.at and period.at < period_end then
      return next;
      return;
    end if;
  end if;

  select anchor.*
  into _governing
  from billing.period_anchors as anchor
  where anchor.workspace_id = period.workspace_id
    and anchor.valid_from <= period.at
  order by anchor.valid_from desc
  limit 1;

  if _governing.bridge_until > period.at then
    period_start := _governing.valid_from;
    period_end := _governing.bridge_until;
    return next;
    return;
  end if;

  select
    anchored.period_start,
    anchored.period_end
  into period_start, period_end
  from billing.anchored_period(_governing.anchor_at, coalesce(_governing.time_zone, _zone), period.at) as anchored;

  select anchor.valid_from
  into _next_from
  from billing.period_anchors as anchor
  where anchor.workspace_id = period.workspace_id
    and anchor.valid_from > period.at
  order by anchor.valid_from
  limit 1;

  period_end := least(period_end, _next_from);
  return next;
end
$$;

comment on function usage.period(uuid, timestamptz) is 'Returns the period [start, end) of a workspace that contains a moment, one row: the month from its anchor in its time zone, the calendar month without an anchor, or the bridge between two anchors. An unknown workspace has calendar months in UTC. Metered writes, the gate and the reports call it.';

-- hasura/sql/usage/members/member_current.sql
create or replace view usage.member_current as
select
  counter.workspace_id,
  counter.member_id,
  counter.metric,
  metric.kind,
  metric.unit,
  counter.used,
  reservations.reserved,
  bound.limit_value,
  case
    when bound.limit_value is not null then greatest(bound.limit_value - counter.used - reservations.reserved, 0)
  end as remaining,
  round(share.percent, 2) as percent,
  usage.status_of(share.percent) as status,
  present.period_start,
  case metric.kind when 'counter' then present.period_end end as resets_at,
  bound.source,
  counter.updated_at
from usage.member_counters as counter
join usage.metrics as metric
  on metric.key = counter.metric
cross join lateral (
  select period.period_start, period.period_end
  from usage.period(counter.workspace_id) as period
  limit 1
) as present
left join lateral billing.member_limit_of(counter.workspace_id, counter.metric) as bound on true
cross join lateral (
  select coalesce(sum(reservation.amount), 0)::bigint as reserved
  from usage.reservations as reservation
  where reservation.workspace_id = counter.workspace_id
    and reservation.metric = counter.metric
    and reservation.member_id = counter.member_id
    and reservation.status = 'held'
    and reservation.expires_at > now()
) as reservations
cross join lateral (
  select
    case
      when bound.limit_value > 0 then counter.used * 100::numeric / bound.limit_value
      when bound.limit_value = 0 and counter.used > 0 then 100::numeric
      when bound.limit_value = 0 then 0::numeric
    end as percent
) as share
where counter.period_start = case metric.kind when 'gauge' then '-infinity' else present.period_start end;

comment on view usage.member_current is 'Use by each member of a workspace in the present period, in the metric''s unit: one row for each member and metric counted, which begins when a limit of members first applies';

comment on column usage.member_current.limit_value is 'What each member may use; null where no limit of members applies';
comment on column usage.member_current.source is 'override for the workspace''s own limit of members, plan for its plan''s; null where none applies';

-- hasura/sql/billing/limits/limit_of.sql
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

-- hasura/sql/usage/alerts/note_level.sql
create or replace function usage.note_level(
  p_workspace_id uuid,
  p_metric text,
  p_period_start timestamptz,
  p_used bigint,
  out rise_at bigint,
  out fall_at bigint
)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _limit record;
  _period record;
  _start timestamptz := p_period_start;
  _threshold record;
  _below boolean;
begin
  rise_at := 9223372036854775807;
  fall_at := -9223372036854775808;
  select bound.limit_value, bound.source, bound.valid_until
  into _limit
  from billing.limit_of(p_workspace_id, p_metric) as bound;
  -- A cascade gives back to a workspace that is being deleted.
  if _limit.source = 'unknown-workspace' then
    return;
  end if;
  select period.period_start, period.period_end
  into _period
  from usage.period(p_workspace_id) as period;
  if not isfinite(_start) then
    _start := _period.period_start;
  end if;

  for _threshold in
    select
      threshold.threshold_percent,
      threshold.threshold_value,
      threshold.level,
      last_alert.kind,
      coalesce(last_alert.sequence, 0) as sequence,
      last_alert.rearmed,
      -- Null is unlimited, which is above any limit.
      threshold.threshold_percent is not null
        and last_alert.limit_value is not null
        and (_limit.limit_value is null or _limit.limit_value > last_alert.limit_value) as limit_rose
    from usage.alert_thresholds(p_workspace_id, p_metric, _limit.limit_value) as threshold
    left join lateral (
      select alerts.kind, alerts.sequence, alerts.limit_value, alerts.rearmed
      from usage.alerts
      where alerts.workspace_id = p_workspace_id
        and alerts.metric = p_metric
        and alerts.period_start = _start
        and alerts.threshold_percent is not distinct from threshold.threshold_percent
        and alerts.threshold_value is not distinct from threshold.threshold_value
      order by alerts.sequence desc
      limit 1
    ) as last_alert on true
    order by threshold.level
  loop
    _below := _threshold.level is null or p_used < _threshold.level;
    if _threshold.kind = 'crossed' then
      if _below then
        insert into usage.alerts (
          workspace_id, metric, period_start, threshold_percent, threshold_value, used, limit_value, kind, sequence, rearmed
        )
        values (
          p_workspace_id, p_metric, _start, _threshold.threshold_percent, _threshold.threshold_value,
          p_used, _limit.limit_value, 'recovered', _threshold.sequence + 1, _threshold.limit_rose
        )
        on conflict on constraint alerts_once_a_period do nothing;
        if _threshold.limit_rose and _threshold.level is not null then
          rise_at := least(rise_at, _threshold.level);
        end if;
      else
        fall_at := greatest(fall_at, _threshold.level);
      end if;
    elsif _threshold.kind is null or _threshold.rearmed or _threshold.limit_rose then
      if not _below then
        insert into usage.alerts (
          workspace_id, metric, period_start, threshold_percent, threshold_value, used, limit_value, sequence
        )
        values (
          p_workspace_id, p_metric, _start, _threshold.threshold_percent, _threshold.threshold_value,
          p_used, _limit.limit_value, _threshold.sequence + 1
        )
        on conflict on constraint alerts_once_a_period do nothing;
        fall_at := greatest(fall_at, _threshold.level);
      elsif _threshold.level is not null then
        rise_at := least(rise_at, _threshold.level);
      end if;
    end if;
  end loop;

  insert into usage.alert_levels as alert_level (workspace_id, metric, period_start, valid_until)
  values (p_workspace_id, p_metric, _start, least(_limit.valid_until, _period.period_end))
  on conflict on constraint alert_levels_pkey do update
    set period_start = excluded.period_start,
      valid_until = excluded.valid_until
    where (alert_level.period_start, alert_level.valid_until) is distinct from (excluded.period_start, excluded.valid_until);
end
$$;

comment on function usage.note_level(uuid, text, timestamptz, bigint) is 'Writes the alerts that a level of use calls for: crossed and recovered thresholds. While fall_at <= used < rise_at no other alert is due before the limit or the period changes. The caller holds the lock of the counter.';

revoke execute on function usage.note_level(uuid, text, timestamptz, bigint) from public;

-- hasura/sql/usage/counters/check_addition.sql
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

-- hasura/sql/usage/counters/reserved_amount.sql
create or replace function usage.reserved_amount(p_workspace_id uuid, p_metric text)
returns bigint
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select coalesce(sum(reservation.amount), 0)::bigint
    from usage.reservations as reservation
    where reservation.workspace_id = p_workspace_id
      and reservation.metric = p_metric
      and reservation.status = 'held'
      and reservation.expires_at > now()
      and reservation.id::text is distinct from nullif(current_setting('usage.reservation_id', true), '')
  );
end
$$;

comment on function usage.reserved_amount(uuid, text) is 'Units of a metric that live reservations of a workspace hold, except the reservation that this transaction draws on (setting usage.reservation_id). Called by usage.add_locked, the gate, leases and corrections to decide on a limit';

revoke execute on function usage.reserved_amount(uuid, text) from public;

-- hasura/sql/usage/refusals/format_amount.sql
create or replace function usage.format_amount(p_amount bigint, p_unit text)
returns text
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  _magnitude constant numeric := abs(p_amount::numeric);
  _sign constant text := case when p_amount < 0 then '-' else '' end;
  _scale numeric := 1::numeric;
  _suffix text := '';
  _shown text;
begin
  case p_unit
    when 'bytes' then
      _scale := case
        when _magnitude >= 1073741824 then 1073741824::numeric
        when _magnitude >= 1048576 then 1048576::numeric
        when _magnitude >= 1024 then 1024::numeric
        else 1::numeric
      end;
      _suffix := case _scale
        when 1073741824 then ' GiB'
        when 1048576 then ' MiB'
        when 1024 then ' KiB'
        else ' B'
      end;
    when 'seconds' then
      _scale := case when _magnitude >= 60 then 60::numeric else 1::numeric end;
      _suffix := case _scale when 60 then ' min' else ' s' end;
    when 'micro_usd' then
      -- A request may cost less than a cent.
      if _magnitude between 1 and 9999 then
        return _sign || '$' || rtrim((_magnitude * 0.000001)::text, '0');
      end if;
      return _sign || '$' || (div(_magnitude, 10000) * 0.01)::text;
    else
      return p_amount::text;
  end case;
  -- Multiplied by hundredths: a division of numerics may round the last digit up.
  _shown := (div(_magnitude * 100, _scale) * 0.01)::text;
  if position('.' in _shown) > 0 then
    _shown := rtrim(rtrim(_shown, '0'), '.');
  end if;
  return _sign || _shown || _suffix;
end
$$;

comment on function usage.format_amount(bigint, text) is 'An amount in the unit that people use: GiB, MiB, KiB or B of bytes, minutes or seconds of seconds, dollars of micro-USD with six decimals below a cent, the plain number of anything else. Cut after two decimals and never rounded up, so that what is below a limit does not read as the limit. The dashboard and e-mails, which follow the price list, call a GiB a GB.';

revoke execute on function usage.format_amount(bigint, text) from public;

-- hasura/sql/usage/refusals/limit_message.sql
create or replace function usage.limit_message(
  p_metric text,
  p_scope text,
  p_limit bigint,
  p_used bigint,
  p_reserved bigint,
  p_amount bigint
)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select format(
    case
      when metrics.unit = 'count' then 'limit of %1$s %2$s%3$s reached: %4$s used, %5$s%6$s more requested'
      else 'limit of %1$s for %2$s%3$s reached: %4$s used, %5$s%6$s more requested'
    end,
    usage.format_amount(p_limit, metrics.unit),
    p_metric,
    p_scope,
    usage.format_amount(p_used, metrics.unit),
    case
      when p_reserved > 0 then usage.format_amount(p_reserved, metrics.unit) || ' reserved, '
      else ''
    end,
    usage.format_amount(p_amount, metrics.unit)
  )
  from usage.metrics
  where metrics.key = p_metric
$$;

comment on function usage.limit_message(text, text, bigint, bigint, bigint, bigint) is 'The sentence of a limit that is reached, such as "limit of 50 GiB for storage_bytes reached: 49.9 GiB used, 300 MiB more requested". Amounts are in the unit of the metric and shown in the unit that people use; the scope stands behind the metric.';

revoke execute on function usage.limit_message(text, text, bigint, bigint, bigint, bigint) from public;

-- hasura/sql/usage/refusals/not_included_message.sql
create or replace function usage.not_included_message(p_metric text, p_where text, p_used bigint, p_amount bigint)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select format(
    '%s is not included %s: limit of 0, %s used, %s more requested',
    p_metric,
    p_where,
    usage.format_amount(p_used, metrics.unit),
    usage.format_amount(p_amount, metrics.unit)
  )
  from usage.metrics
  where metrics.key = p_metric
$$;

comment on function usage.not_included_message(text, text, bigint, bigint) is 'The sentence of a metric that the plan, or a workspace without a live subscription, does not include. Amounts are in the unit of the metric.';

revoke execute on function usage.not_included_message(text, text, bigint, bigint) from public;

-- hasura/sql/usage/gate/gate_message.sql
create or replace function usage.gate_message(p_line usage.gate_line, p_counter usage.gate_counter)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return case p_line.reason
    when 'usage-limit-exceeded' then usage.limit_message(
      p_counter.metric,
      '',
      p_counter.free + p_counter.used + p_counter.reserved,
      p_counter.used,
      p_counter.reserved,
      p_line.amount
    )
    when 'feature-not-in-plan' then usage.not_included_message(
      p_counter.metric, 'in the plan', p_counter.used, p_line.amount
    )
    when 'plan-required' then usage.not_included_message(
      p_counter.metric, 'without a live subscription', p_counter.used, p_line.amount
    )
    when 'row-metered' then format('%s counts the rows of a table: insert the rows instead', p_line.metric)
    -- A name that no metric can have is text of the client and stays out of the sentence.
    when 'unknown-metric' then case
      when p_line.metric ~ '^[a-z][a-z0-9_]{0,62}$' then format('there is no metric %s', p_line.metric)
      else 'there is no metric of that name'
    end
    when 'workspace-forbidden' then 'the workspace is not open to this request'
    when 'reservation-not-found' then 'there is no such open reservation in this workspace'
    when 'reservation-expired' then 'the reservation has expired and reserves nothing any more'
    when 'idempotency-conflict' then 'this idempotency key was used before with other content'
    when 'period-closed' then 'the period of this event is closed and takes no more changes'
    when 'invalid-input' then 'the operation, amount, time to live, key or identifier is missing or out of range'
  end;
end
$$;

comment on function usage.gate_message(usage.gate_line, usage.gate_counter) is 'A refusal as a sentence for people; null for what was allowed. Programs read the decision instead.';

revoke execute on function usage.gate_message(usage.gate_line, usage.gate_counter) from public;

-- hasura/sql/usage/upgrades/add_on_for.sql
create or replace function usage.add_on_for(p_workspace_id uuid, p_metric text, p_needed bigint)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object(
    'addOnId', offered.id,
    'name', offered.name,
    'quantity', needed.quantity,
    'priceCents', needed.quantity * offered.price_cents
  )
  from billing.limit_of(p_workspace_id, p_metric) as bound
  join billing.add_ons as offered
    on offered.metric = p_metric
    and offered.is_public
  cross join lateral (
    select ceil((p_needed - bound.cap_value)::numeric / offered.amount)::bigint as quantity
  ) as needed
  -- An override replaces add-ons, so buying more of them changes nothing.
  where bound.source <> 'override'
    and needed.quantity between 1 and 1000000
  order by needed.quantity * offered.price_cents, needed.quantity, offered.id
  limit 1
$$;

comment on function usage.add_on_for(uuid, text, bigint) is 'Returns the cheapest public add-on, in the quantity that lets the total use of a metric reach p_needed on the present plan: addOnId, name, quantity, priceCents a month. Null where none does. Refusals of the gate name it.';

revoke execute on function usage.add_on_for(uuid, text, bigint) from public;

-- hasura/sql/usage/upgrades/upgrade_for.sql
create or replace function usage.upgrade_for(p_workspace_id uuid, p_metric text, p_needed bigint)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object('planId', plan.id, 'name', plan.name, 'priceCents', plan.price_cents)
  from billing.plans as plan
  join billing.plan_limits as bound
    on bound.plan_id = plan.id
    and bound.metric = p_metric
  where plan.rank > (
      select present.rank
      from billing.plans as present
      where present.id = billing.plan_of(p_workspace_id)
    )
    and plan.is_public
    and (
      bound.limit_value is null
      or bound.limit_value + coalesce(
        (
          -- Add-ons that name no subscription stay on any plan.
          select sum(bought.unit_amount::numeric * bought.quantity)
          from billing.subscription_add_ons as bought
          where bought.workspace_id = p_workspace_id
            and bought.metric = p_metric
            and bought.subscription_id is null
            and bought.starts_at <= now()
            and (bought.ends_at is null or bought.ends_at > now())
        ),
        0
      ) >= p_needed
    )
  order by plan.price_on_request, plan.price_cents, plan.rank
  limit 1
$$;

comment on function usage.upgrade_for(uuid, text, bigint) is 'Returns the cheapest public plan of a higher rank that, with the add-ons that stay, lets the total use of a metric reach p_needed: planId, name, priceCents a month. A price on request comes last; null where no plan does. Refusals of the gate name it.';

revoke execute on function usage.upgrade_for(uuid, text, bigint) from public;

-- hasura/sql/usage/gate/gate_answer.sql
create or replace function usage.gate_answer(
  p_line usage.gate_line,
  p_counter usage.gate_counter,
  p_reservation usage.reservations
)
returns jsonb
language plpgsql
as $$
declare
  _is_short constant boolean := p_line.reason in ('usage-limit-exceeded', 'feature-not-in-plan', 'plan-required');
  -- The total that a limit must allow. A commit already has the amount of its reservation in it.
  _needed constant bigint := case
    when _is_short then least(
      p_counter.used + p_counter.reserved::numeric + p_line.amount
        - case when p_line.op = 'commit' then coalesce(p_reservation.amount, 0) else 0 end,
      9223372036854775807
    )::bigint
  end;
begin
  return jsonb_build_object(
    'allowed', p_line.reason is null,
    'reason', p_line.reason,
    'code', p_line.reason,
    'message', case when p_line.reason is not null then usage.gate_message(p_line, p_counter) end,
    'metric', p_line.metric,
    'amount', p_line.amount,
    'granted', case when p_line.reason is null then p_line.granted else 0 end,
    'used', p_counter.used,
    'reserved', p_counter.reserved,
    'limit', p_counter.limit_value,
    'remaining', case
      when p_counter.limit_value is not null
        then greatest(p_counter.limit_value - p_counter.used - p_counter.reserved, 0)
    end,
    'overage', greatest(p_counter.used - p_counter.limit_value, 0),
    'source', p_counter.source,
    'limitedBy', case when p_line.reason is not null then coalesce(p_line.limited_by, usage.gate_limited_by(p_line, p_counter)) end,
    'resetsAt', case
      when p_counter.kind = 'counter'
        then to_char(p_counter.period_end at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
    end,
    'retryAfterSeconds', case
      when p_line.reason = 'usage-limit-exceeded' then usage.gate_retry_after(p_line, p_counter)
    end,
    'reservationId', p_line.reservation_id,
    'reservationStatus', case when p_line.reason = 'reservation-expired' then 'expired' else p_reservation.status end,
    'expiresAt', to_char(p_line.expires_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
    'member', null,
    'addOn', case
      when p_line.reason in ('usage-limit-exceeded', 'feature-not-in-plan') and p_line.limited_by is null
        then usage.add_on_for(p_counter.workspace_id, p_counter.metric, _needed)
    end,
    'upgrade', case
      when _is_short then usage.upgrade_for(p_counter.workspace_id, p_counter.metric, _needed)
    end
  );
end
$$;

comment on function usage.gate_answer(usage.gate_line, usage.gate_counter, usage.reservations) is 'The decision of one line as JSON, in the form that docs/gate.md describes. The counter carries the figures after the decision; it is null where none was read. A step of usage.gate_many; the refusals of meter triggers use it too.';

revoke execute on function usage.gate_answer(usage.gate_line, usage.gate_counter, usage.reservations) from public;

-- hasura/sql/usage/refusals/portable_decision.sql
create or replace function usage.portable_decision(p_decision jsonb)
returns jsonb
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
  select jsonb_object_agg(
    member.key,
    case
      when member.key in ('amount', 'used', 'reserved', 'limit', 'remaining') and member.value <> 'null'
        then to_jsonb(member.value #>> '{}')
      when member.key = 'metric' and member.value #>> '{}' !~ '^[a-z][a-z0-9_]{0,62}$'
        then 'null'::jsonb
      else member.value
    end
  )
  from jsonb_each(p_decision) as member
  where member.key in (
    'reason', 'metric', 'amount', 'used', 'reserved', 'limit', 'remaining', 'limitedBy', 'resetsAt', 'retryAfterSeconds',
    'member', 'upgrade', 'addOn'
  )
$$;

comment on function usage.portable_decision(jsonb) is 'The members of a decision that a client can act on. Amounts are text: a bigint need not fit the numbers of JSON. metric is null where no metric can have that name, so that a client cannot make the message long.';

revoke execute on function usage.portable_decision(jsonb) from public;

-- hasura/sql/usage/refusals/refuse.sql
create or replace function usage.refuse(p_decision jsonb)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _message text := p_decision ->> 'message';
begin
  -- Hasura passes the message of an invented SQLSTATE of class 23 on to clients and drops the detail.
  if coalesce(current_setting('hasura.user', true), '') <> ''
    and coalesce(current_setting('usage.decision_in_message', true), '') <> 'off'
  then
    _message := _message || ' ' || jsonb_build_object('usageDecision', usage.portable_decision(p_decision))::text;
  end if;
  raise exception using
    errcode = '23U01',
    message = _message,
    detail = p_decision::text;
end
$$;

comment on function usage.refuse(jsonb) is 'Raises SQLSTATE 23U01 for a decision that does not allow. DETAIL is the decision as JSON. MESSAGE is its sentence; inside a request of Hasura, which drops DETAIL, the sentence is followed by a space and {"usageDecision": ...}, unless the setting usage.decision_in_message is off. Every refusal of a statement comes from here.';

revoke execute on function usage.refuse(jsonb) from public;

-- hasura/sql/usage/upgrades/not_included_reason.sql
create or replace function usage.not_included_reason(p_workspace_id uuid, p_metric text)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select case
    when live.subscription_id is null and bound.plan_id is not null then 'plan-required'
    else 'feature-not-in-plan'
  end
  from (select 1) as always
  left join lateral billing.live_subscription(p_workspace_id) as live
    on true
  left join lateral (
    select subscription.plan_id
    from billing.subscriptions as subscription
    where subscription.workspace_id = p_workspace_id
      and subscription.starts_at <= now()
    order by subscription.starts_at desc, subscription.created_at desc
    limit 1
  ) as lapsed
    on true
  left join billing.plan_limits as bound
    on bound.plan_id = lapsed.plan_id
    and bound.metric = p_metric
$$;

comment on function usage.not_included_reason(uuid, text) is 'Returns why a metric is not included: plan-required where no subscription is live and the plan of the last one includes the metric, so that resuming is enough; else feature-not-in-plan. Refusals of counters, the gate and leases carry it.';

revoke execute on function usage.not_included_reason(uuid, text) from public;

-- hasura/sql/usage/refusals/raise_limit_reached.sql
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

-- hasura/sql/usage/shards/collect_shards.sql
create or replace function usage.collect_shards(
  p_workspace_id uuid,
  p_metric text,
  p_period_start timestamptz,
  p_wait boolean
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _shards smallint[];
  _used bigint;
  _headroom bigint;
begin
  if p_wait then
    perform 1
    from usage.counter_shards as shard
    where shard.workspace_id = p_workspace_id
      and shard.metric = p_metric
      and shard.period_start = p_period_start
      and shard.headroom > 0
    order by shard.shard
    for no key update;
  end if;

  select
    array_agg(unlocked.shard),
    coalesce(sum(unlocked.used), 0)::bigint,
    coalesce(sum(unlocked.headroom), 0)::bigint
  into _shards, _used, _headroom
  from (
    select shard.shard, shard.used, shard.headroom
    from usage.counter_shards as shard
    where shard.workspace_id = p_workspace_id
      and shard.metric = p_metric
      and shard.period_start = p_period_start
      and (shard.used > 0 or shard.headroom > 0)
    order by shard.shard
    for no key update skip locked
  ) as unlocked;
  if _shards is null then
    return;
  end if;

  update usage.counter_shards as shard
  set
    used = 0,
    headroom = 0,
    headroom_until = '-infinity'
  where shard.workspace_id = p_workspace_id
    and shard.metric = p_metric
    and shard.period_start = p_period_start
    and shard.shard = any (_shards);
  update usage.counters as counter
  set
    used = counter.used + _used,
    granted = counter.granted - _used - _headroom
  where counter.workspace_id = p_workspace_id
    and counter.metric = p_metric
    and counter.period_start = p_period_start;
end
$$;

comment on function usage.collect_shards(uuid, text, timestamptz, boolean) is 'Moves the use of a counter''s shards to its row and takes their headroom back. p_wait true waits for shards with headroom that other transactions have locked; false leaves them out. The caller holds the lock of the counter''s row. Called by usage.grant_headroom, usage.merge_counters, usage.headroom_below and usage.collect_busy_shards';

revoke execute on function usage.collect_shards(uuid, text, timestamptz, boolean) from public;

-- hasura/sql/usage/shards/collect_busy_shards.sql
create or replace function usage.collect_busy_shards(
  p_workspace_id uuid,
  p_metric text,
  p_period_start timestamptz,
  p_wait boolean
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _busy smallint;
begin
  perform usage.collect_shards(p_workspace_id, p_metric, p_period_start, p_wait);
  if p_wait then
    return;
  end if;
  select min(shard.shard)
  into _busy
  from usage.counter_shards as shard
  where shard.workspace_id = p_workspace_id
    and shard.metric = p_metric
    and shard.period_start = p_period_start
    and shard.headroom > 0;
  if _busy is not null then
    raise exception using
      errcode = 'HU002',
      message = 'a shard is in use',
      detail = json_build_object(
        'workspaceId', p_workspace_id, 'metric', p_metric, 'periodStart', p_period_start, 'shard', _busy
      )::text;
  end if;
end
$$;

comment on function usage.collect_busy_shards(uuid, text, timestamptz, boolean) is 'Collects all shards of a counter, as usage.collect_shards does, and leaves none with headroom. p_wait true waits for those in use; false raises HU002 when one is, with that shard as JSON in DETAIL: the caller rolls back its attempt and calls usage.await_shard. Called by usage.add_locked, usage.headroom_below and usage.void_all_headroom';

revoke execute on function usage.collect_busy_shards(uuid, text, timestamptz, boolean) from public;

-- hasura/sql/usage/shards/headroom_below.sql
create or replace function usage.headroom_below(
  p_workspace_id uuid,
  p_metric text,
  p_period_start timestamptz,
  p_bound bigint,
  p_amount bigint,
  p_wait boolean
)
returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _total bigint;
  _granted bigint;
begin
  for _round in 0..2 loop
    select counter.used + counter.granted, counter.granted
    into _total, _granted
    from usage.counters as counter
    where counter.workspace_id = p_workspace_id
      and counter.metric = p_metric
      and counter.period_start = p_period_start;
    exit when not found or _granted = 0 or _round = 2 or p_bound - _total >= p_amount;
    if _round = 0 then
      perform usage.collect_shards(p_workspace_id, p_metric, p_period_start, false);
    else
      -- The units that are short may lie unused on shards in use: an amount is refused only when it does not fit with
      -- these collected too.
      perform usage.collect_busy_shards(p_workspace_id, p_metric, p_period_start, p_wait);
    end if;
  end loop;
  return p_bound - coalesce(_total, 0);
end
$$;

comment on function usage.headroom_below(uuid, text, timestamptz, bigint, bigint, boolean) is 'Returns how many units a counter is below p_bound, with what shards were granted counted as used. Collects shards while that is less than p_amount, so an answer below p_amount is exact. p_wait false raises HU002 instead of waiting for a shard in use. The caller holds the lock of the counter''s row. Called by usage.add_locked, usage.enforce_limit and usage.gate_headroom';

revoke execute on function usage.headroom_below(uuid, text, timestamptz, bigint, bigint, boolean) from public;

-- hasura/sql/usage/counters/enforce_limit.sql
create or replace function usage.enforce_limit(
  p_workspace_id uuid,
  p_metric text,
  p_period_start timestamptz,
  p_amount bigint,
  p_limit bigint,
  p_included boolean,
  p_cap bigint,
  p_wait boolean
)
returns void
language plpgsql
as $$
declare
  _reserved constant bigint := usage.reserved_amount(p_workspace_id, p_metric);
  _used bigint;
begin
  -- Runs with the search path of usage.add_locked, its only caller, because setting it again takes time.
  if not p_included
    or usage.headroom_below(p_workspace_id, p_metric, p_period_start, p_cap - _reserved, p_amount, p_wait) < p_amount
  then
    select total.used
    into _used
    from usage.counter_totals as total
    where total.workspace_id = p_workspace_id
      and total.metric = p_metric
      and total.period_start = p_period_start;
    perform usage.raise_limit_reached(p_workspace_id, p_metric, p_amount, _used, _reserved, p_limit, p_included);
  end if;
end
$$;

comment on function usage.enforce_limit(uuid, text, timestamptz, bigint, bigint, boolean, bigint, boolean) is 'Raises 23U01 when an amount does not fit below p_cap, the ceiling of billing.limit_of, beside the use and the live reservations, or when the plan does not include the metric. Brings back what shards have not used before it refuses; p_wait false raises HU002 instead of waiting for a shard in use. Called by usage.add_locked, which holds the lock of the counter''s row';

revoke execute on function usage.enforce_limit(uuid, text, timestamptz, bigint, bigint, boolean, bigint, boolean) from public;

-- hasura/sql/usage/counters/reserved_by_all.sql
create or replace function usage.reserved_by_all(p_workspace_id uuid, p_metric text)
returns bigint
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select coalesce(sum(reservation.amount), 0)::bigint
    from usage.reservations as reservation
    where reservation.workspace_id = p_workspace_id
      and reservation.metric = p_metric
      and reservation.status = 'held'
      and reservation.expires_at > now()
  );
end
$$;

comment on function usage.reserved_by_all(uuid, text) is 'Units of a metric that all live reservations of a workspace hold, also the one that this transaction draws on. Called by usage.add_locked: headroom is granted for other transactions too, so no reservation may be left out';

revoke execute on function usage.reserved_by_all(uuid, text) from public;

-- hasura/sql/usage/shards/create_shards.sql
create or replace function usage.create_shards(
  p_workspace_id uuid,
  p_metric text,
  p_period_start timestamptz,
  p_shards smallint
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into usage.counter_shards (workspace_id, metric, period_start, shard)
  select p_workspace_id, p_metric, p_period_start, series.shard
  from generate_series(0, p_shards - 1) as series (shard)
  -- "on conflict" would wait for a shard in use. The lock of the counter's row already keeps other inserts out.
  where not exists (
    select
    from usage.counter_shards as present
    where present.workspace_id = p_workspace_id
      and present.metric = p_metric
      and present.period_start = p_period_start
      and present.shard = series.shard
  );
end
$$;

comment on function usage.create_shards(uuid, text, timestamptz, smallint) is 'Creates the missing ones of a counter''s first p_shards shards, without headroom. Called by usage.grant_headroom under the lock of the counter''s row';

revoke execute on function usage.create_shards(uuid, text, timestamptz, smallint) from public;

-- hasura/sql/usage/shards/grant_to_shards.sql
create or replace function usage.grant_to_shards(
  p_workspace_id uuid,
  p_metric text,
  p_period_start timestamptz,
  p_shards smallint,
  p_only smallint,
  p_share bigint,
  p_until timestamptz
)
returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _shards smallint[];
  _headroom bigint;
begin
  select
    array_agg(unlocked.shard),
    sum(unlocked.headroom)::bigint
  into _shards, _headroom
  from (
    select shard.shard, shard.headroom
    from usage.counter_shards as shard
    where shard.workspace_id = p_workspace_id
      and shard.metric = p_metric
      and shard.period_start = p_period_start
      and shard.shard < p_shards
      and (p_only is null or shard.shard = p_only)
    order by shard.shard
    for no key update skip locked
  ) as unlocked;
  if _shards is null then
    return bigint '0';
  end if;
  update usage.counter_shards as shard
  set
    headroom = p_share,
    headroom_until = p_until
  where shard.workspace_id = p_workspace_id
    and shard.metric = p_metric
    and shard.period_start = p_period_start
    and shard.shard = any (_shards);
  return p_share * cardinality(_shards) - _headroom;
end
$$;

comment on function usage.grant_to_shards(uuid, text, timestamptz, smallint, smallint, bigint, timestamptz) is 'Sets the headroom of the first p_shards shards of a counter, or of the shard p_only, to p_share units until p_until, except those that other transactions have locked; returns by how many units the headroom of all grew. The caller holds the lock of the counter''s row and adds that to its granted. Called by usage.grant_headroom';

revoke execute on function usage.grant_to_shards(uuid, text, timestamptz, smallint, smallint, bigint, timestamptz) from public;

-- hasura/sql/usage/shards/may_grant_headroom.sql
create or replace function usage.may_grant_headroom(p_workspace_id uuid)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  -- An older snapshot may miss the present limit, and a transaction that draws on a reservation leaves that one out of the
  -- sum: neither decides for others.
  if current_setting('transaction_isolation') not in ('read committed', 'read uncommitted')
    or coalesce(current_setting('usage.reservation_id', true), '') <> ''
    or not pg_try_advisory_xact_lock_shared(hashtextextended('billing.plan_limits', 0))
  then
    return false;
  end if;
  perform 1
  from public.workspaces as workspace
  where workspace.id = p_workspace_id
  for share skip locked;
  return found;
end
$$;

comment on function usage.may_grant_headroom(uuid) is 'Returns whether this transaction may grant headroom: true when it sees the limits of the workspace and, by two shared locks until it ends, they cannot change meanwhile. A change of limits holds the other side of these locks (usage.refresh_plan_limits, usage.refresh_workspace_limits); nobody waits for them here. Called by usage.grant_headroom';

revoke execute on function usage.may_grant_headroom(uuid) from public;

-- hasura/sql/usage/counters/grant_headroom.sql
create or replace function usage.grant_headroom(
  p_counter usage.counters,
  p_shards_before smallint,
  p_amount bigint,
  p_total bigint,
  p_included boolean,
  p_cap bigint,
  p_from timestamptz,
  p_until timestamptz
)
returns void
language plpgsql
as $$
declare
  _max_amount constant bigint := 9000000000000000000;
  -- A shard gets a quarter of an even share of the free units. Below this many units its writers would come back at once.
  _min_share constant bigint := bigint '16';
  _bound bigint;
  _free bigint;
  _share bigint;
  _may_grant boolean;
  _shards smallint;
  _granted bigint := bigint '0';
begin
  -- Runs with the search path of usage.add_locked, its only caller, because setting it again takes time.
  _bound := least(
    coalesce(p_cap, _max_amount) - usage.reserved_by_all(p_counter.workspace_id, p_counter.metric),
    _max_amount,
    p_counter.alert_at - 1
  );
  _free := _bound - p_total;
  _share := case when p_counter.shards > 0 then _free / (4 * p_counter.shards) else bigint '0' end;
  _may_grant := p_included and _free >= 0 and usage.may_grant_headroom(p_counter.workspace_id);
  _shards := case when _share < _min_share then smallint '0' else p_counter.shards end;
  if _shards = 0 and p_counter.granted > 0 then
    perform usage.collect_shards(p_counter.workspace_id, p_counter.metric, p_counter.period_start, false);
    select _bound - counter.used - counter.granted - p_amount
    into _free
    from usage.counters as counter
    where counter.workspace_id = p_counter.workspace_id
      and counter.metric = p_counter.metric
      and counter.period_start = p_counter.period_start;
  elsif _shards > 0 and _may_grant then
    if _shards > p_shards_before then
      perform usage.create_shards(p_counter.workspace_id, p_counter.metric, p_counter.period_start, _shards);
    end if;
    -- The headroom of shards ends after a minute, so that each renewal sees whether the counter is still hot.
    _granted := usage.grant_to_shards(
      p_counter.workspace_id, p_counter.metric, p_counter.period_start, _shards,
      case when _shards = p_shards_before then (pg_backend_pid() % _shards)::smallint end,
      _share,
      least(p_until, clock_timestamp() + interval '1 minute')
    );
  end if;

  update usage.counters as counter
  set
    used = counter.used + p_amount,
    headroom = case when _may_grant and _shards = 0 then _free else 0 end,
    headroom_from = p_from,
    headroom_until = case when _may_grant and _shards = 0 then p_until else '-infinity' end,
    granted = counter.granted + _granted,
    shards = _shards,
    contention = p_counter.contention,
    contention_since = p_counter.contention_since,
    measured_at = p_counter.measured_at,
    measured_used = p_counter.measured_used,
    alert_at = p_counter.alert_at,
    alert_due = p_counter.alert_due,
    fall_at = p_counter.fall_at,
    updated_at = case when p_amount = 0 then counter.updated_at else now() end
  where counter.workspace_id = p_counter.workspace_id
    and counter.metric = p_counter.metric
    and counter.period_start = p_counter.period_start;
end
$$;

comment on function usage.grant_headroom(usage.counters, smallint, bigint, bigint, boolean, bigint, timestamptz, timestamptz) is 'Adds an amount to the counter''s row and grants new headroom, to the row or to its shards: the units below p_cap that no reservation holds, and that stay below the next alert. p_counter is the row to write, with the wanted number of shards; p_total is the use with the amount and all that shards were granted. Called by usage.add_locked, which holds the lock of the row';

revoke execute on function usage.grant_headroom(usage.counters, smallint, bigint, bigint, boolean, bigint, timestamptz, timestamptz) from public;

-- hasura/sql/usage/counters/lock_counter.sql
create or replace function usage.lock_counter(p_workspace_id uuid, p_metric text, p_period_start timestamptz)
returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _used bigint;
begin
  -- A written row version, not just a lock: a repeatable-read writer that did not see what is decided under this lock then
  -- fails with a serialization error instead of passing the limit.
  insert into usage.counters (workspace_id, metric, period_start, used)
  values (p_workspace_id, p_metric, p_period_start, 0)
  on conflict on constraint counters_pkey do update
    set
      headroom = 0,
      headroom_until = '-infinity';
  select total.used
  into _used
  from usage.counter_totals as total
  where total.workspace_id = p_workspace_id
    and total.metric = p_metric
    and total.period_start = p_period_start;
  return _used;
end
$$;

comment on function usage.lock_counter(uuid, text, timestamptz) is 'Locks the row of one counter until the transaction ends, creates it at 0 where it is missing, voids the headroom on it and returns the use, shards included. Callers that lock several take them in the order of workspace and metric. Called by usage.add_locked, the gate, alerts, corrections and the triggers of members';

revoke execute on function usage.lock_counter(uuid, text, timestamptz) from public;

-- hasura/sql/usage/counters/note_peak.sql
create or replace function usage.note_peak(
  p_workspace_id uuid,
  p_metric text,
  p_before bigint,
  p_after bigint,
  p_changed_at timestamptz
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _start timestamptz;
  _at timestamptz;
  _end timestamptz;
begin
  select present.period_start
  into _start
  from usage.period(p_workspace_id, now()) as present;

  update usage.peaks as peak
  set peak = greatest(peak.peak, p_after)
  where peak.workspace_id = p_workspace_id
    and peak.metric = p_metric
    and peak.period_start = _start
    and peak.peak < p_after;
  if found then
    return;
  end if;

  perform 1
  from usage.peaks as peak
  where peak.workspace_id = p_workspace_id
    and peak.metric = p_metric
    and peak.period_start = _start;
  if found then
    return;
  end if;

  -- The first change in this period. While a workspace is being deleted its row is gone or locked; its peaks go with it.
  perform 1
  from public.workspaces as workspace
  where workspace.id = p_workspace_id
  for key share skip locked;
  if not found then
    return;
  end if;

  -- Periods without a change have the level of before as their peak. The bound keeps a long absence from running for ever.
  _at := p_changed_at;
  for _period in 1..120 loop
    exit when _at is null or not isfinite(_at);
    select passed.period_end
    into _end
    from usage.period(p_workspace_id, _at) as passed;
    exit when _end is null or _end >= _start;
    insert into usage.peaks (workspace_id, metric, period_start, peak)
    values (p_workspace_id, p_metric, _end, p_before)
    on conflict on constraint peaks_pkey do nothing;
    _at := _end;
  end loop;

  insert into usage.peaks as peak (workspace_id, metric, period_start, peak)
  values (p_workspace_id, p_metric, _start, greatest(p_before, p_after))
  on conflict on constraint peaks_pkey do update
    set peak = greatest(peak.peak, excluded.peak);
end
$$;

comment on function usage.note_peak(uuid, text, bigint, bigint, timestamptz) is 'Writes the peak of a gauge for the present period, and for the periods that passed without a change since p_changed_at. p_before and p_after are the level around the change, in the metric''s unit. Called by usage.add_locked, which holds the lock of the gauge''s row';

revoke execute on function usage.note_peak(uuid, text, bigint, bigint, timestamptz) from public;

-- hasura/sql/usage/shards/adapt_shards.sql
create or replace function usage.adapt_shards(
  p_counter usage.counters,
  p_amount bigint,
  p_is_shardable boolean,
  p_shards smallint,
  p_waited_since timestamptz
)
returns usage.counters
language plpgsql
as $$
declare
  _was_sharded constant boolean := p_counter.shards > 0;
  _used bigint;
begin
  -- Runs with the search path of usage.add_locked, its only caller, because setting it again takes time.
  if p_waited_since is not null then
    p_counter.contention := case
      when p_counter.contention_since > p_waited_since - interval '1 second' then least(p_counter.contention + 1, 1000)::smallint
      else smallint '1'
    end;
    p_counter.contention_since := case when p_counter.contention = 1 then p_waited_since else p_counter.contention_since end;
  end if;
  if p_shards is not null then
    p_counter.shards := p_shards;
    return p_counter;
  end if;

  if p_counter.contention >= 8 and p_is_shardable then
    p_counter.shards := case when p_counter.shards = 0 then 16 else least(p_counter.shards * 2, 64) end::smallint;
    p_counter.contention := smallint '0';
  end if;
  -- Below twenty units a second since the last measurement one row is enough again.
  if p_counter.shards > 0 and p_counter.measured_at < clock_timestamp() - interval '50 seconds' then
    select total.used + p_amount
    into _used
    from usage.counter_totals as total
    where total.workspace_id = p_counter.workspace_id
      and total.metric = p_counter.metric
      and total.period_start = p_counter.period_start;
    if _was_sharded
      and _used - p_counter.measured_used
        < 20 * (extract(epoch from clock_timestamp()) - extract(epoch from p_counter.measured_at))
    then
      p_counter.shards := smallint '0';
    end if;
    p_counter.measured_at := clock_timestamp();
    p_counter.measured_used := _used;
  end if;
  return p_counter;
end
$$;

comment on function usage.adapt_shards(usage.counters, bigint, boolean, smallint, timestamptz) is 'Returns the row of a counter with the number of shards that it should have from now on, and with its contention and rate of use brought up to date; writes nothing. Eight waits within a second double the shards from 16 to at most 64; less than 20 units a second, measured over 50 seconds or more, merge them. p_shards decides instead where it is not null; p_waited_since is when a wait for the row began, null without one. Called by usage.add_locked, which holds the lock of the row';

revoke execute on function usage.adapt_shards(usage.counters, bigint, boolean, smallint, timestamptz) from public;

-- hasura/sql/usage/counters/add_locked.sql
create or replace function usage.add_locked(
  p_workspace_id uuid,
  p_metric text,
  p_amount bigint,
  p_enforce boolean,
  p_shards smallint,
  p_wait boolean
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _metric usage.metrics;
  _period record;
  _start timestamptz := timestamptz '-infinity';
  _counter usage.counters;
  _limit record;
  _level record;
  _total bigint;
  _started_at constant timestamptz := clock_timestamp();
  _waited boolean;
begin
  _metric := usage.check_addition(p_workspace_id, p_metric, p_amount);
  select present.period_start, present.period_end
  into _period
  from usage.period(p_workspace_id, now()) as present;
  if _metric.kind = 'counter' then
    _start := _period.period_start;
  end if;

  select *
  into _counter
  from usage.counters as counter
  where counter.workspace_id = p_workspace_id
    and counter.metric = p_metric
    and counter.period_start = _start
  for no key update;
  if not found then
    -- A negative amount comes from rows of a workspace that is being deleted, whose counter is gone already.
    if p_amount < 0 or (p_amount = 0 and p_shards is null) then
      return;
    end if;
    if _metric.kind = 'counter' then
      -- The first use of a period. billing.has_no_use locks the workspace for update: a period anchor that another
      -- transaction sets now either waits for this use or is seen by it.
      perform 1
      from public.workspaces as workspace
      where workspace.id = p_workspace_id
      for key share;
      select present.period_start, present.period_end
      into _period
      from usage.period(p_workspace_id, now()) as present;
      _start := _period.period_start;
    end if;
    perform usage.lock_counter(p_workspace_id, p_metric, _start);
    select *
    into _counter
    from usage.counters as counter
    where counter.workspace_id = p_workspace_id
      and counter.metric = p_metric
      and counter.period_start = _start;
  end if;
  _waited := clock_timestamp() - _started_at > interval '1 millisecond';

  -- With the lock taken, the statements from here on see all that its earlier holders committed.
  select bound.limit_value, bound.included, bound.cap_value, bound.valid_until
  into _limit
  from billing.limit_of(p_workspace_id, p_metric, now()) as bound;
  if p_amount > 0 and p_enforce and not found then
    perform usage.refuse(jsonb_build_object(
      'allowed', false,
      'reason', 'feature-not-in-plan',
      'code', 'feature-not-in-plan',
      'message', usage.not_included_message(p_metric, 'in the plan', 0, p_amount),
      'metric', p_metric,
      'amount', p_amount,
      'workspaceId', p_workspace_id
    ));
  end if;
  if p_amount > 0 and p_enforce and (not _limit.included or _limit.cap_value is not null) then
    perform usage.enforce_limit(
      p_workspace_id, p_metric, _start, p_amount, _limit.limit_value, _limit.included, _limit.cap_value, p_wait
    );
  end if;

  -- The addition that reaches a threshold writes the alert. Shards may have no headroom near one: their additions would
  -- reach it unseen.
  if p_amount > 0 and _counter.granted > 0 then
    perform usage.headroom_below(p_workspace_id, p_metric, _start, _counter.alert_at - 1, p_amount, p_wait);
  end if;
  if _counter.granted > 0 and now() >= _counter.alert_due then
    perform usage.collect_busy_shards(p_workspace_id, p_metric, _start, p_wait);
  end if;
  select counter.used + counter.granted + p_amount
  into _total
  from usage.counters as counter
  where counter.workspace_id = p_workspace_id
    and counter.metric = p_metric
    and counter.period_start = _start;
  if now() >= _counter.alert_due or (p_amount > 0 and _total >= _counter.alert_at) or _total < _counter.fall_at then
    select *
    into _level
    from usage.note_level(p_workspace_id, p_metric, _start, _total);
    _counter.alert_at := _level.rise_at;
    _counter.fall_at := _level.fall_at;
    _counter.alert_due := _limit.valid_until;
  end if;

  perform usage.grant_headroom(
    usage.adapt_shards(
      _counter, p_amount, _metric.kind = 'counter' and _metric.feed = 'rows', p_shards,
      case when _waited then _started_at end
    ),
    _counter.shards, p_amount, _total, _limit.included, _limit.cap_value,
    _period.period_start, least(_period.period_end, _limit.valid_until)
  );
  if p_amount = 0 then
    return;
  end if;
  if _metric.kind = 'gauge' then
    perform usage.note_peak(p_workspace_id, p_metric, _total - p_amount, _total, _counter.updated_at);
  else
    insert into usage.counter_log (workspace_id, metric, period_start, amount)
    values (p_workspace_id, p_metric, _start, p_amount);
  end if;
end
$$;

comment on function usage.add_locked(uuid, text, bigint, boolean, smallint, boolean) is 'Adds an amount under the lock of the counter''s row, creating the row where it is missing: reads period, limit and reservations, raises 23U01 where the limit refuses and 23U02 for invalid input, writes alerts, splits or merges the counter and grants new headroom. p_wait false raises HU002 instead of waiting for a shard in use. Called by usage.add_beyond_headroom and usage.add_many_locked';

revoke execute on function usage.add_locked(uuid, text, bigint, boolean, smallint, boolean) from public;

-- hasura/sql/usage/shards/await_shard.sql
create or replace function usage.await_shard(p_busy jsonb)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform 1
  from usage.counter_shards as shard
  where shard.workspace_id = (p_busy ->> 'workspaceId')::uuid
    and shard.metric = p_busy ->> 'metric'
    and shard.period_start = (p_busy ->> 'periodStart')::timestamptz
    and shard.shard = (p_busy ->> 'shard')::smallint
  for no key update;
  -- Ends the subtransaction of this block, and the lock with it.
  raise exception using errcode = 'HU001';
exception when sqlstate 'HU001' then
  null;
end
$$;

comment on function usage.await_shard(jsonb) is 'Waits until no transaction holds the shard that the detail of an HU002 names, and leaves it unlocked. Called by the routines that catch HU002, between two attempts';

revoke execute on function usage.await_shard(jsonb) from public;

-- hasura/sql/usage/shards/max_unlocked_waits.sql
create or replace function usage.max_unlocked_waits()
returns integer
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select 32
$$;

comment on function usage.max_unlocked_waits() is 'Returns how many times a transaction waits for a shard without holding the counter''s row before it waits with it. Other writers may use up the shards between two attempts, so the number is bounded; a deadlock (40P01) is possible only in the last wait. Called by usage.add_beyond_headroom, usage.add_many and usage.gate_open_counters';

revoke execute on function usage.max_unlocked_waits() from public;

-- hasura/sql/usage/counters/add_beyond_headroom.sql
create or replace function usage.add_beyond_headroom(
  p_workspace_id uuid,
  p_metric text,
  p_amount bigint,
  p_enforce boolean default true,
  p_shards smallint default null::smallint
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _busy text;
begin
  -- Each attempt ends with its subtransaction, so no lock of it is kept while this waits for a shard. A counter that has
  -- nothing granted to shards cannot raise HU002 and needs no attempts.
  for _round in 1..usage.max_unlocked_waits() loop
    perform 1
    from usage.counters as counter
    where counter.workspace_id = p_workspace_id
      and counter.metric = p_metric
      and counter.period_start <= now()
      and counter.granted > 0
    limit 1;
    exit when not found;
    begin
      perform usage.add_locked(p_workspace_id, p_metric, p_amount, p_enforce, p_shards, false);
      return;
    exception when sqlstate 'HU002' then
      get stacked diagnostics _busy = pg_exception_detail;
    end;
    perform usage.await_shard(_busy::jsonb);
  end loop;
  perform usage.add_locked(p_workspace_id, p_metric, p_amount, p_enforce, p_shards, true);
end
$$;

comment on function usage.add_beyond_headroom(uuid, text, bigint, boolean, smallint) is 'Adds an amount that exceeds the headroom, by usage.add_locked; waits for shards in use without holding the counter''s row. Amount 0 adds nothing but grants headroom again and splits or merges the counter as needed; p_shards splits it into so many shards. Raises 23U01 at a limit and 23U02 for invalid input. Called by usage.add and the routines of the topic shards';

revoke execute on function usage.add_beyond_headroom(uuid, text, bigint, boolean, smallint) from public;

-- hasura/sql/usage/shards/add_to_shard.sql
create or replace function usage.add_to_shard(
  p_workspace_id uuid,
  p_metric text,
  p_period_start timestamptz,
  p_shards smallint,
  p_amount bigint
)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  -- In a variable, because within a statement it would be computed for every row.
  _own constant smallint := (pg_backend_pid() % p_shards)::smallint;
  _shard smallint;
begin
  -- Skips a locked shard, even this connection's own: a transaction that has added to another shard may be what the holder
  -- of this one waits for.
  with unlocked as (
    select shard.shard
    from usage.counter_shards as shard
    where shard.workspace_id = p_workspace_id
      and shard.metric = p_metric
      and shard.period_start = p_period_start
      and shard.shard = _own
      and shard.headroom >= p_amount
      and shard.headroom_until > now()
    for no key update skip locked
  ),
  added as (
    update usage.counter_shards as shard
    set
      used = shard.used + p_amount,
      headroom = shard.headroom - p_amount,
      updated_at = now()
    from unlocked
    where shard.workspace_id = p_workspace_id
      and shard.metric = p_metric
      and shard.period_start = p_period_start
      and shard.shard = unlocked.shard
    returning shard.shard
  ),
  logged as (
    insert into usage.counter_log (workspace_id, metric, period_start, amount)
    select p_workspace_id, p_metric, p_period_start, p_amount
    from added
  )
  select added.shard
  into _shard
  from added;
  if _shard is not null then
    return true;
  end if;

  -- The own shard's headroom has ended by the clock or by a change of limits: the caller grants it again under the lock of
  -- the counter's row, so that this connection does not crowd another's shard.
  perform 1
  from usage.counter_shards as shard
  where shard.workspace_id = p_workspace_id
    and shard.metric = p_metric
    and shard.period_start = p_period_start
    and shard.shard = _own
    and shard.headroom_until <= now()
  for no key update skip locked;
  if found then
    return false;
  end if;

  with unlocked as (
    select shard.shard
    from usage.counter_shards as shard
    where shard.workspace_id = p_workspace_id
      and shard.metric = p_metric
      and shard.period_start = p_period_start
      and shard.headroom >= p_amount
      and shard.headroom_until > now()
    order by shard.shard
    limit 1
    for no key update skip locked
  ),
  added as (
    update usage.counter_shards as shard
    set
      used = shard.used + p_amount,
      headroom = shard.headroom - p_amount,
      updated_at = now()
    from unlocked
    where shard.workspace_id = p_workspace_id
      and shard.metric = p_metric
      and shard.period_start = p_period_start
      and shard.shard = unlocked.shard
    returning shard.shard
  ),
  logged as (
    insert into usage.counter_log (workspace_id, metric, period_start, amount)
    select p_workspace_id, p_metric, p_period_start, p_amount
    from added
  )
  select added.shard
  into _shard
  from added;
  return _shard is not null;
end
$$;

comment on function usage.add_to_shard(uuid, text, timestamptz, smallint, bigint) is 'Adds an amount to the shard of this connection, or to any other one that has the headroom, and returns true; returns false where no unlocked shard has it, or where the own shard''s headroom has ended. Waits for no lock. Called by usage.add, usage.add_many_locked and usage.add_rest_to_shards; the insert triggers of meters contain its first statement';

revoke execute on function usage.add_to_shard(uuid, text, timestamptz, smallint, bigint) from public;

-- hasura/sql/usage/counters/add.sql
create or replace function usage.add(
  p_workspace_id uuid,
  p_metric text,
  p_amount bigint,
  p_enforce boolean default true
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _start timestamptz;
  _shards smallint;
  _granted bigint;
  _started_at timestamptz;
  _contention smallint;
  _used bigint;
begin
  -- Headroom ends with its period at the latest, so either the latest row has it or none has.
  select counter.period_start, counter.shards, counter.granted
  into _start, _shards, _granted
  from usage.counters as counter
  where counter.workspace_id = p_workspace_id
    and counter.metric = p_metric
    and counter.period_start <= now()
  order by counter.period_start desc
  limit 1;
  if not found then
    perform usage.add_beyond_headroom(p_workspace_id, p_metric, p_amount, p_enforce);
    return;
  end if;

  if _start = '-infinity' then
    update usage.counters as counter
    set
      used = counter.used + p_amount,
      headroom = counter.headroom - p_amount,
      updated_at = now()
    where counter.workspace_id = p_workspace_id
      and counter.metric = p_metric
      and counter.period_start = '-infinity'
      and counter.headroom >= p_amount
      and counter.headroom_from <= now()
      and counter.headroom_until > now()
      and counter.used + p_amount >= counter.fall_at
    returning counter.used
    into _used;
    if not found then
      perform usage.add_beyond_headroom(p_workspace_id, p_metric, p_amount, p_enforce);
    elsif p_amount > 0 then
      -- The addition that granted the headroom has written the peak of this period.
      update usage.peaks as peak
      set peak = _used
      where peak.workspace_id = p_workspace_id
        and peak.metric = p_metric
        and peak.period_start = (
          select latest.period_start
          from usage.peaks as latest
          where latest.workspace_id = p_workspace_id
            and latest.metric = p_metric
            and latest.period_start <= now()
          order by latest.period_start desc
          limit 1
        )
        and peak.peak < _used;
    end if;
    return;
  end if;

  for _round in 1..2 loop
    -- Without enforcement the caller is the gate: it has decided under the lock of the counter's row and adds there.
    if p_enforce and _shards > 0 and _granted > 0 and p_amount > 0
      and usage.add_to_shard(p_workspace_id, p_metric, _start, _shards, p_amount)
    then
      return;
    end if;
    exit when _shards > 0 or p_amount is null or p_amount <= 0;

    _started_at := clock_timestamp();
    with added as (
      update usage.counters as counter
      set
        used = counter.used + p_amount,
        headroom = counter.headroom - p_amount,
        updated_at = now(),
        contention = case
          when clock_timestamp() - _started_at < interval '1 millisecond' then counter.contention
          when counter.contention_since > _started_at - interval '1 second' then least(counter.contention + 1, 1000)
          else 1
        end,
        contention_since = case
          when clock_timestamp() - _started_at > interval '1 millisecond' and counter.contention_since < _started_at - interval '1 second' then _started_at
          else counter.contention_since
        end
      where counter.workspace_id = p_workspace_id
        and counter.metric = p_metric
        and counter.period_start = _start
        and counter.headroom >= p_amount
        and counter.headroom_until > now()
      returning counter.contention
    ),
    logged as (
      insert into usage.counter_log (workspace_id, metric, period_start, amount)
      select p_workspace_id, p_metric, _start, p_amount
      from added
    )
    select added.contention
    into _contention
    from added;
    if found then
      if _contention >= 8 then
        perform usage.add_beyond_headroom(p_workspace_id, p_metric, 0);
      end if;
      return;
    end if;

    -- Another transaction may have split the counter while this one waited for its row.
    select counter.shards, counter.granted
    into _shards, _granted
    from usage.counters as counter
    where counter.workspace_id = p_workspace_id
      and counter.metric = p_metric
      and counter.period_start = _start;
    exit when not found or _shards = 0;
  end loop;
  perform usage.add_beyond_headroom(p_workspace_id, p_metric, p_amount, p_enforce);
end
$$;

comment on function usage.add(uuid, text, bigint, boolean) is 'Adds an amount in the metric''s unit to the counter of the present period, or to the gauge; a negative amount gives back, gauges only. Within the headroom one statement adds; otherwise usage.add_beyond_headroom does, and only that raises 23U01 (limit) and 23U02 (invalid input). p_enforce false adds past any limit: for callers that have decided under the lock of the counter''s row. Called by meters, the gate, leases and corrections';

revoke execute on function usage.add(uuid, text, bigint, boolean) from public;

-- hasura/sql/usage/counters/add_within_headroom.sql
create or replace function usage.add_within_headroom(p_workspaces uuid[], p_metrics text[], p_amounts bigint[])
returns integer[]
language plpgsql
set search_path = pg_catalog, pg_temp
set enable_hashjoin = off
set enable_mergejoin = off
set enable_seqscan = off
set enable_bitmapscan = off
-- Without it PostgreSQL compiles the query, because a plan without an alternative to what is switched off is priced high.
set jit = off
as $$
declare
  _added integer[];
begin
  -- Statements over the same counters wait for each other at the first one; the update below then starts with a snapshot
  -- that has all their changes, instead of looking up and checking each row again.
  perform 1
  from usage.counters as counter
  where counter.workspace_id = p_workspaces[1]
    and counter.metric = p_metrics[1]
    and counter.period_start <= now()
    and counter.headroom_until > now()
  for no key update;

  with added as (
    update usage.counters as counter
    set
      used = counter.used + addition.amount,
      headroom = counter.headroom - addition.amount,
      updated_at = now()
    from (
      select given.workspace_id, given.metric, given.amount, given.position
      from unnest(p_workspaces, p_metrics, p_amounts) with ordinality as given (workspace_id, metric, amount, position)
      order by given.position
      offset 0
    ) as addition
    where counter.workspace_id = addition.workspace_id
      and counter.metric = addition.metric
      -- Only the present period has headroom: headroom ends with its period, and a change of periods takes it back.
      and counter.period_start <= now()
      and counter.headroom >= addition.amount
      and counter.headroom_from <= now()
      and counter.headroom_until > now()
      and counter.used + addition.amount >= counter.fall_at
    returning counter.workspace_id, counter.metric, counter.period_start, counter.used, addition.amount, addition.position
  ),
  logged as (
    insert into usage.counter_log (workspace_id, metric, period_start, amount)
    select added.workspace_id, added.metric, added.period_start, added.amount
    from added
    where added.period_start > '-infinity'
  ),
  -- The addition that granted the headroom has written the peak of this period.
  raised as (
    update usage.peaks as peak
    set peak = added.used
    from added
    where added.period_start = '-infinity'
      and added.amount > 0
      and peak.workspace_id = added.workspace_id
      and peak.metric = added.metric
      and peak.period_start = (
        select latest.period_start
        from usage.peaks as latest
        where latest.workspace_id = added.workspace_id
          and latest.metric = added.metric
          and latest.period_start <= now()
        order by latest.period_start desc
        limit 1
      )
      and peak.peak < added.used
  )
  select coalesce(array_agg(added.position::integer), '{}')
  into _added
  from added;
  return _added;
end
$$;

comment on function usage.add_within_headroom(uuid[], text[], bigint[]) is 'Adds to those of several counters, sorted by workspace and metric, that have the headroom on their row, and leaves the others as they are; returns the positions of those it added to, in any order. Called by usage.add_many and usage.add_many_locked';

revoke execute on function usage.add_within_headroom(uuid[], text[], bigint[]) from public;

-- hasura/sql/usage/counters/lock_counters.sql
create or replace function usage.lock_counters(p_workspaces uuid[], p_metrics text[], p_amounts bigint[])
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  -- The first use of a period. billing.has_no_use locks the workspace for update: a period anchor that another transaction
  -- sets now either waits for this use or is seen by it.
  perform 1
  from public.workspaces as workspace
  where workspace.id in (
    select addition.workspace_id
    from unnest(p_workspaces, p_metrics, p_amounts) as addition (workspace_id, metric, amount)
    join usage.metrics as metric on metric.key = addition.metric
    cross join lateral usage.period(addition.workspace_id) as present
    where addition.amount > 0
      and not exists (
        select
        from usage.counters as counter
        where counter.workspace_id = addition.workspace_id
          and counter.metric = addition.metric
          and counter.period_start = case metric.kind when 'gauge' then '-infinity' else present.period_start end
      )
  )
  order by workspace.id
  for key share;

  insert into usage.counters (workspace_id, metric, period_start, used)
  select addition.workspace_id, addition.metric, case metric.kind when 'gauge' then '-infinity' else present.period_start end, 0
  from unnest(p_workspaces, p_metrics, p_amounts) with ordinality as addition (workspace_id, metric, amount, position)
  join usage.metrics as metric on metric.key = addition.metric
  cross join lateral usage.period(addition.workspace_id) as present
  where addition.amount > 0
    and not exists (
      select
      from usage.counters as counter
      where counter.workspace_id = addition.workspace_id
        and counter.metric = addition.metric
        and counter.period_start = case metric.kind when 'gauge' then '-infinity' else present.period_start end
    )
  order by addition.position
  on conflict on constraint counters_pkey do nothing;

  perform 1
  from unnest(p_workspaces, p_metrics) with ordinality as wanted (workspace_id, metric, position)
  join usage.metrics as metric on metric.key = wanted.metric
  cross join lateral usage.period(wanted.workspace_id) as present
  join usage.counters as counter
    on counter.workspace_id = wanted.workspace_id
    and counter.metric = wanted.metric
    and counter.period_start = case metric.kind when 'gauge' then '-infinity' else present.period_start end
  order by wanted.position
  for no key update of counter;
end
$$;

comment on function usage.lock_counters(uuid[], text[], bigint[]) is 'Locks the rows of several counters, sorted by workspace and metric, until the transaction ends; creates at 0 those that are missing and whose amount is positive. Called by usage.add_many_locked';

revoke execute on function usage.lock_counters(uuid[], text[], bigint[]) from public;

-- hasura/sql/usage/counters/add_many_locked.sql
create or replace function usage.add_many_locked(
  p_workspaces uuid[],
  p_metrics text[],
  p_amounts bigint[],
  p_wait boolean
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _added integer[];
  _rest record;
begin
  perform usage.lock_counters(p_workspaces, p_metrics, p_amounts);
  _added := usage.add_within_headroom(p_workspaces, p_metrics, p_amounts);
  for _rest in
    select addition.workspace_id, addition.metric, addition.amount, present.period_start, present.shards
    from unnest(p_workspaces, p_metrics, p_amounts) with ordinality as addition (workspace_id, metric, amount, position)
    left join unnest(_added) as added (position) on added.position = addition.position
    left join lateral (
      select counter.period_start, counter.shards
      from usage.counters as counter
      where counter.workspace_id = addition.workspace_id
        and counter.metric = addition.metric
        and counter.period_start <= now()
      order by counter.period_start desc
      limit 1
    ) as present on true
    where added.position is null
    order by addition.position
  loop
    if coalesce(_rest.shards, 0) = 0
      or _rest.amount <= 0
      or not usage.add_to_shard(_rest.workspace_id, _rest.metric, _rest.period_start, _rest.shards, _rest.amount)
    then
      perform usage.add_locked(_rest.workspace_id, _rest.metric, _rest.amount, true, null, p_wait);
    end if;
  end loop;
end
$$;

comment on function usage.add_many_locked(uuid[], text[], bigint[], boolean) is 'Adds as usage.add_many does, after it has locked the rows of all counters in key order. p_wait false raises HU002 instead of waiting for a shard in use. Called by usage.add_many';

revoke execute on function usage.add_many_locked(uuid[], text[], bigint[], boolean) from public;

-- hasura/sql/usage/shards/add_rest_to_shards.sql
create or replace function usage.add_rest_to_shards(
  p_workspaces uuid[],
  p_metrics text[],
  p_amounts bigint[],
  p_added integer[]
)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _rest record;
begin
  -- Unsharded counters come first: the first of them ends the attempt before any shard is locked. The order of the sharded
  -- ones does not matter, because usage.add_to_shard waits for no lock.
  for _rest in
    select
      addition.workspace_id,
      addition.metric,
      addition.amount,
      present.period_start,
      coalesce(present.shards, 0::smallint) as shards
    from unnest(p_workspaces, p_metrics, p_amounts) with ordinality as addition (workspace_id, metric, amount, position)
    left join unnest(p_added) as added (position) on added.position = addition.position
    left join lateral (
      select counter.period_start, counter.shards
      from usage.counters as counter
      where counter.workspace_id = addition.workspace_id
        and counter.metric = addition.metric
        and counter.period_start <= now()
      order by counter.period_start desc
      limit 1
    ) as present on true
    where added.position is null
    order by coalesce(present.shards, 0) > 0, addition.position
  loop
    if _rest.shards = 0
      or _rest.amount <= 0
      or not usage.add_to_shard(_rest.workspace_id, _rest.metric, _rest.period_start, _rest.shards, _rest.amount)
    then
      return false;
    end if;
  end loop;
  return true;
end
$$;

comment on function usage.add_rest_to_shards(uuid[], text[], bigint[], integer[]) is 'Adds to shards the additions whose positions are not in p_added, and returns true; returns false at the first one that no unlocked shard has the headroom for, so the caller must roll back. Waits for no lock. Called by usage.add_many';

revoke execute on function usage.add_rest_to_shards(uuid[], text[], bigint[], integer[]) from public;

-- hasura/sql/usage/counters/add_many.sql
create or replace function usage.add_many(p_workspaces uuid[], p_metrics text[], p_amounts bigint[])
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _added integer[];
  _busy text;
begin
  -- Locks taken before a counter turns out to lack headroom are out of order with the locks of other statements. So this
  -- attempt ends with its locks, and the next one takes all of them in key order before it adds anything.
  begin
    _added := usage.add_within_headroom(p_workspaces, p_metrics, p_amounts);
    if cardinality(_added) <> cardinality(p_workspaces)
      and not usage.add_rest_to_shards(p_workspaces, p_metrics, p_amounts, _added)
    then
      raise exception using errcode = 'HU001';
    end if;
    return;
  exception when sqlstate 'HU001' then
    null;
  end;

  for _round in 1..usage.max_unlocked_waits() loop
    begin
      perform usage.add_many_locked(p_workspaces, p_metrics, p_amounts, false);
      return;
    exception when sqlstate 'HU002' then
      get stacked diagnostics _busy = pg_exception_detail;
    end;
    perform usage.await_shard(_busy::jsonb);
  end loop;
  perform usage.add_many_locked(p_workspaces, p_metrics, p_amounts, true);
end
$$;

comment on function usage.add_many(uuid[], text[], bigint[]) is 'Adds to several counters at once: the arrays hold one addition at each position, sorted by workspace and metric, each pair once. Adds all or raises as usage.add does. Called by the triggers of meters for a statement that changes several counters';

revoke execute on function usage.add_many(uuid[], text[], bigint[]) from public;

-- hasura/sql/usage/meters/meter_branch.sql
create or replace function usage.meter_branch(
  p_meter usage.meters,
  p_source text,
  p_sign integer,
  p_part text default 'rows'
)
returns text
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  _values jsonb := jsonb_build_object(
    'workspace', p_meter.workspace_expression,
    'metric', quote_literal(p_meter.metric),
    'member', p_meter.member_expression,
    'amount', p_meter.amount_expression,
    'live', coalesce(p_meter.live_filter, 'true'),
    'sign', p_sign,
    'source', p_source,
    -- An expression may name the table, as it was called when the meter was attached.
    'alias', quote_ident((parse_ident(p_meter.table_name))[2])
  );
begin
  _values := _values || jsonb_build_object(
    'refused', case when p_sign < 0 then 'false' else usage.fill_meter_template('refused', _values) end
  );
  return usage.fill_meter_template(p_part, _values);
end
$$;

comment on function usage.meter_branch(usage.meters, text, integer, text) is 'SQL of the rows that a meter reads from a source: workspace_id, metric, amount times the sign, refused. Parts other than rows are member_rows, raised_rows and raised_member_rows of usage.meter_template.';

revoke execute on function usage.meter_branch(usage.meters, text, integer, text) from public;

-- hasura/sql/usage/meters/meter_member_branch.sql
create or replace function usage.meter_member_branch(p_meter usage.meters, p_source text, p_sign integer)
returns text
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
  select usage.meter_branch(p_meter, p_source, p_sign, 'member_rows')
$$;

comment on function usage.meter_member_branch(usage.meters, text, integer) is 'SQL of the rows that a meter reads from a source for members: workspace_id, metric, member_id, amount times the sign.';

revoke execute on function usage.meter_member_branch(usage.meters, text, integer) from public;

-- hasura/sql/usage/members/recount_members.sql
create or replace function usage.recount_members(p_workspace_id uuid, p_metric text)
returns table (member_id uuid, amount bigint)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  _branches text;
  _members uuid[];
  _amounts bigint[];
begin
  -- Dynamic SQL of expressions that usage.attach_meter has checked; usage.meter_member_branch quotes the names.
  _branches := coalesce(
    (
      select string_agg(
        usage.meter_member_branch(meter, meter.relation::text, 1) || format(E'\n and ((%s\n)) = $1', meter.workspace_expression),
        E'\n union all ' order by meter.relation
      )
      from usage.meters as meter
      join pg_class as relation on relation.oid = meter.relation
      where meter.metric = p_metric
        and meter.member_expression is not null
    ),
    ''
  );
  if _branches = '' then
    return;
  end if;
  execute format(
    $query$
    select array_agg(recount.member_id), array_agg(recount.amount)
    from (
      select live.member_id, sum(live.amount)::bigint as amount
      from (%s
      ) as live
      where live.member_id is not null
      group by live.member_id
    ) as recount
    $query$,
    _branches
  )
  into _members, _amounts
  using p_workspace_id;
  return query
  select recount.member_id, recount.amount
  from unnest(_members, _amounts) as recount (member_id, amount);
end
$$;

comment on function usage.recount_members(uuid, text) is 'Returns the level of a gauge for each member of a workspace, added up from the live rows of all tables with a member expression that feed it. Called by usage.begin_members and the gate';

revoke execute on function usage.recount_members(uuid, text) from public;

-- hasura/sql/usage/members/begin_members.sql
create or replace function usage.begin_members(p_workspace_id uuid, p_metric text)
returns text
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _kind text;
  _feed text;
begin
  perform 1
  from usage.member_meters as member_meter
  where member_meter.workspace_id = p_workspace_id
    and member_meter.metric = p_metric;
  if found then
    return 'on';
  end if;
  perform 1
  from billing.member_limit_of(p_workspace_id, p_metric);
  if not found then
    return 'off';
  end if;

  select metric.kind, metric.feed
  into _kind, _feed
  from usage.metrics as metric
  where metric.key = p_metric;
  -- Every writer of a gauge holds this lock until its transaction ends. So the recount sees all rows of earlier writers,
  -- and later writers see the member meter.
  if _kind = 'gauge' then
    perform usage.lock_counter(p_workspace_id, p_metric, '-infinity');
  end if;
  insert into usage.member_meters (workspace_id, metric)
  values (p_workspace_id, p_metric)
  on conflict on constraint member_meters_pkey do nothing;
  if not found or _kind <> 'gauge' or _feed <> 'rows' then
    return 'on';
  end if;
  delete from usage.member_counters as counter
  where counter.workspace_id = p_workspace_id
    and counter.metric = p_metric
    and counter.period_start = '-infinity';
  insert into usage.member_counters (workspace_id, metric, period_start, member_id, used)
  select p_workspace_id, p_metric, '-infinity', recount.member_id, recount.amount
  from usage.recount_members(p_workspace_id, p_metric) as recount
  order by recount.member_id;
  return 'begun';
end
$$;

comment on function usage.begin_members(uuid, text) is 'Returns whether the members of a workspace are counted for a metric: "off", "on", or "begun" when this call has started to count a gauge, with all live rows including those of the present statement. Starts to count where a limit of members applies. Called by usage.add_to_members, the gate, usage.restart_members and usage.begin_limited_members';

revoke execute on function usage.begin_members(uuid, text) from public;

-- hasura/sql/usage/members/member_reserved.sql
create or replace function usage.member_reserved(p_workspace_id uuid, p_metric text, p_member_id uuid)
returns bigint
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select coalesce(sum(reservation.amount), 0)::bigint
    from usage.reservations as reservation
    where reservation.workspace_id = p_workspace_id
      and reservation.metric = p_metric
      and reservation.member_id = p_member_id
      and reservation.status = 'held'
      and reservation.expires_at > now()
      and reservation.id::text is distinct from nullif(current_setting('usage.reservation_id', true), '')
  );
end
$$;

comment on function usage.member_reserved(uuid, text, uuid) is 'Units of a metric that live reservations hold for a member, except the reservation that this transaction draws on (setting usage.reservation_id). Called by usage.add_to_members, the gate and corrections';

revoke execute on function usage.member_reserved(uuid, text, uuid) from public;

-- hasura/sql/usage/upgrades/member_upgrade_for.sql
create or replace function usage.member_upgrade_for(p_workspace_id uuid, p_metric text, p_needed bigint)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object('planId', plan.id, 'name', plan.name, 'priceCents', plan.price_cents)
  from billing.plans as plan
  join billing.plan_limits as bound
    on bound.plan_id = plan.id
    and bound.metric = p_metric
  left join billing.member_limits as member_bound
    on member_bound.plan_id = plan.id
    and member_bound.metric = p_metric
  where plan.rank > (
      select present.rank
      from billing.plans as present
      where present.id = billing.plan_of(p_workspace_id)
    )
    and plan.is_public
    and (bound.limit_value is null or bound.limit_value >= p_needed)
    and (member_bound.limit_value is null or member_bound.limit_value >= p_needed)
    -- A limit that the workspace sets for its members stays on any plan.
    and not exists (
      select
      from billing.member_limits as own
      where own.workspace_id = p_workspace_id
        and own.metric = p_metric
    )
  order by plan.price_on_request, plan.price_cents, plan.rank
  limit 1
$$;

comment on function usage.member_upgrade_for(uuid, text, bigint) is 'Returns the cheapest public plan of a higher rank that lets the use of a metric by one member reach p_needed: planId, name, priceCents a month. Null where no plan does, also because the workspace has set the limit itself. Refusals of the gate name it.';

revoke execute on function usage.member_upgrade_for(uuid, text, bigint) from public;

-- hasura/sql/usage/gate/gate_member_answer.sql
create or replace function usage.gate_member_answer(p_line usage.gate_line, p_counter usage.gate_counter)
returns jsonb
language plpgsql
as $$
declare
  _member constant jsonb := jsonb_build_object(
    'member', jsonb_build_object(
      'memberId', p_counter.member_id,
      'used', p_counter.used,
      'reserved', p_counter.reserved,
      'limit', p_counter.limit_value,
      'remaining', greatest(p_counter.free, 0)
    )
  );
  _own usage.reservations;
begin
  if p_line.limited_by is distinct from 'member-limit' then
    return _member;
  end if;
  _own := usage.gate_own_hold(p_line);
  return _member || jsonb_build_object(
    'message', usage.limit_message(
      p_counter.metric,
      ' per member',
      p_counter.limit_value,
      p_counter.used,
      p_counter.reserved,
      p_line.amount
    ),
    -- A commit can only wait as long as its own reservation lasts.
    'retryAfterSeconds', case
      when p_counter.kind = 'counter' and p_line.amount <= p_counter.limit_value
        and (_own.expires_at is null or p_counter.period_end < _own.expires_at)
        then greatest(ceil(extract(epoch from p_counter.period_end - clock_timestamp())), 1)::integer
    end,
    'upgrade', usage.member_upgrade_for(
      p_counter.workspace_id,
      p_counter.metric,
      least(p_counter.used + p_counter.reserved::numeric - coalesce(_own.amount, 0) + p_line.amount, 9223372036854775807)::bigint
    )
  );
end
$$;

comment on function usage.gate_member_answer(usage.gate_line, usage.gate_counter) is 'What a decision adds where members are counted: the figures of the member under member. Where the limit of members refused, it also replaces message, retryAfterSeconds and upgrade. A step of usage.gate_many; usage.raise_member_limit uses it too.';

revoke execute on function usage.gate_member_answer(usage.gate_line, usage.gate_counter) from public;

-- hasura/sql/usage/reports/current.sql
create or replace view usage.current as
select
  workspaces.id as workspace_id,
  metrics.key as metric,
  metrics.kind,
  metrics.unit,
  coalesce(counters.used, 0) as used,
  open_reservations.reserved,
  bound.limit_value,
  case
    when bound.limit_value is not null
      then greatest(bound.limit_value - coalesce(counters.used, 0) - open_reservations.reserved, 0)
  end as remaining,
  round(share.percent, 2) as percent,
  usage.status_of(share.percent) as status,
  period.period_start,
  case metrics.kind
    when 'counter' then period.period_end
  end as resets_at,
  -- The rate is that up to the last use. Up to now, the value would change with the clock, and every live subscription
  -- would be sent a row at every poll.
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
    when bound.overage_cap is not null
      then least(bound.limit_value::numeric + bound.overage_cap, 9000000000000000000)::bigint
  end as cap_value,
  bound.source
from public.workspaces
cross join lateral (
  select
    present.period_start,
    present.period_end
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
  from (select 1) as always
  left join lateral billing.live_subscription(workspaces.id) as live
    on true
  offset 0
) as plan
cross join usage.metrics
-- From here to bound: the rules of billing.limit_of as joins. Calls for each metric would be four fifths of the view's time.
left join billing.plan_limits as planned
  on planned.plan_id = plan.plan_id
  and planned.metric = metrics.key
-- Looked up only where the workspace has any: most have neither graces nor add-ons.
cross join lateral (
  select
    case
      when plan.has_graces then (
        select grace.plan_id
        from billing.plan_graces as grace
        join billing.plan_limits as kept
          on kept.plan_id = grace.plan_id
          and kept.metric = metrics.key
        where grace.workspace_id = workspaces.id
          and grace.starts_at <= now()
          and grace.ends_at > now()
        order by kept.limit_value desc nulls first
        limit 1
      )
    end as grace_plan_id,
    case
      when plan.has_add_ons then (
        select sum(bought.unit_amount::numeric * bought.quantity)
        from billing.subscription_add_ons as bought
        where bought.workspace_id = workspaces.id
          and bought.metric = metrics.key
          and bought.starts_at <= now()
          and (bought.ends_at is null or bought.ends_at > now())
          and (bought.subscription_id is null or bought.subscription_id = plan.subscription_id)
      )
    end as amount
  offset 0
) as added
left join billing.plan_limits as kept
  on kept.plan_id = added.grace_plan_id
  and kept.metric = metrics.key
left join lateral (
  select
    applying.limit_value,
    applying.enforcement,
    applying.overage_cap,
    true as applies
  from billing.limit_overrides as applying
  where applying.workspace_id = workspaces.id
    and applying.metric = metrics.key
    and applying.starts_at <= now()
    and (applying.ends_at is null or applying.ends_at > now())
  order by applying.starts_at desc, applying.created_at desc
  limit 1
) as override
  on true
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
  select
    kept.metric is not null
    and (
      planned.metric is null
      or coalesce(kept.limit_value > own.limit_value, own.limit_value is not null)
    ) as is_kept
) as higher
cross join lateral (
  select
    case
      when higher.is_kept then kept.limit_value
      else own.limit_value
    end as limit_value,
    case
      when higher.is_kept then kept.enforcement
      else coalesce(planned.enforcement, 'hard')
    end as enforcement,
    case
      when higher.is_kept then kept.overage_cap
      else planned.overage_cap
    end as overage_cap
) as base
cross join lateral (
  select
    case
      when override.applies then override.limit_value
      when added.amount is null or base.limit_value is null then base.limit_value
      else least(base.limit_value + added.amount, 9000000000000000000)::bigint
    end as limit_value,
    override.applies is true
    or planned.metric is not null
    or higher.is_kept
    or added.amount is not null as included,
    coalesce(override.enforcement, base.enforcement) as enforcement,
    case
      when override.enforcement is null then base.overage_cap
      else override.overage_cap
    end as overage_cap,
    case
      when override.applies then 'override'
      when higher.is_kept or (planned.metric is not null and plan.status = 'past_due') then 'grace'
      when own.on_trial then 'trial'
      when added.amount is not null then 'add-on'
      when planned.metric is not null then 'plan'
      else 'none'
    end as source
  -- offset 0 keeps Postgres from copying these expressions into each column above, which would compute them again.
  offset 0
) as bound
left join usage.counter_totals as counters
  on counters.workspace_id = workspaces.id
  and counters.metric = metrics.key
  and counters.period_start = case metrics.kind
    when 'gauge' then '-infinity'
    else period.period_start
  end
cross join lateral (
  select coalesce(sum(reservations.amount), 0)::bigint as reserved
  from usage.reservations
  where reservations.workspace_id = workspaces.id
    and reservations.metric = metrics.key
    and reservations.status = 'held'
    and reservations.expires_at > now()
) as open_reservations
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
    extract(
      epoch from counters.updated_at - case metrics.kind
        when 'gauge' then workspaces.created_at
        else period.period_start
      end
    ) as elapsed,
    (
      (bound.limit_value - counters.used)
      * extract(
        epoch from counters.updated_at - case metrics.kind
          when 'gauge' then workspaces.created_at
          else period.period_start
        end
      )
      / nullif(counters.used, 0)
    )::double precision as seconds_to_limit
) as rate;

comment on view usage.current is 'Use, limit and status of every metric for every workspace in the present period, one row for each pair, also without use. Amounts are in the unit of the metric.';

comment on column usage.current.limit_value is 'Null is unlimited; 0 with included false is not in the plan.';
comment on column usage.current.percent is 'Share of the limit that is used, above 100 where use is above the limit; null without a limit.';
comment on column usage.current.status is 'ok, info from 75 percent, warning from 90, critical from 100.';
comment on column usage.current.resets_at is 'When the counter starts again at zero; null for a gauge.';
comment on column usage.current.forecast_at is 'When the limit will be reached at the rate of use so far; null if the counter resets first. The rate of a gauge is its growth since the workspace was created.';
comment on column usage.current.overage is 'Use above the limit, because the limit is soft or was lowered below the use.';
comment on column usage.current.cap_value is 'Ceiling that no use may pass: the limit where it is hard, limit and overage cap where it is soft; null is no ceiling.';
comment on column usage.current.source is 'Where the limit comes from: override, grace, trial, add-on, plan or none.';

-- hasura/sql/usage/refusals/raise_member_limit.sql
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

-- hasura/sql/usage/members/add_to_members.sql
create or replace function usage.add_to_members(
  p_workspaces uuid[],
  p_metrics text[],
  p_members uuid[],
  p_amounts bigint[],
  p_enforce boolean default true
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _workspace uuid;
  _metric text;
  _state text;
  _start timestamptz;
  _limit bigint;
  _used bigint;
  _reserved bigint;
begin
  for _n in 1..coalesce(cardinality(p_workspaces), 0) loop
    if (p_workspaces[_n], p_metrics[_n]) is distinct from (_workspace, _metric) then
      _workspace := p_workspaces[_n];
      _metric := p_metrics[_n];
      _state := usage.begin_members(_workspace, _metric);
      if _state <> 'off' then
        select case metric.kind when 'gauge' then '-infinity' else present.period_start end
        into _start
        from usage.metrics as metric
        cross join usage.period(_workspace, now()) as present
        where metric.key = _metric;
        select bound.limit_value
        into _limit
        from billing.member_limit_of(_workspace, _metric) as bound;
      end if;
    end if;
    continue when _state = 'off' or p_amounts[_n] = 0;

    if _state = 'begun' then
      -- The recount that has just been made contains the rows of this statement.
      select counter.used
      into _used
      from usage.member_counters as counter
      where counter.workspace_id = _workspace
        and counter.metric = _metric
        and counter.period_start = _start
        and counter.member_id = p_members[_n];
    elsif p_amounts[_n] < 0 then
      -- An update and no upsert: the counter of a workspace that is being deleted may be gone already.
      update usage.member_counters as counter
      set
        used = counter.used + p_amounts[_n],
        updated_at = now()
      where counter.workspace_id = _workspace
        and counter.metric = _metric
        and counter.period_start = _start
        and counter.member_id = p_members[_n];
    else
      insert into usage.member_counters as counter (workspace_id, metric, period_start, member_id, used)
      values (_workspace, _metric, _start, p_members[_n], p_amounts[_n])
      on conflict on constraint member_counters_pkey do update
        set
          used = counter.used + excluded.used,
          updated_at = now()
      returning counter.used
      into _used;
    end if;
    if _start > '-infinity' then
      insert into usage.member_counter_log (workspace_id, metric, period_start, member_id, amount)
      values (_workspace, _metric, _start, p_members[_n], p_amounts[_n]);
    end if;
    -- After the write, whose row lock keeps the member's reservations as they are.
    if p_enforce and p_amounts[_n] > 0 and _limit is not null then
      _reserved := usage.member_reserved(_workspace, _metric, p_members[_n]);
      if _used::numeric + _reserved > _limit then
        perform usage.raise_member_limit(
          _workspace, _metric, p_members[_n], p_amounts[_n], _used - p_amounts[_n], _reserved, _limit
        );
      end if;
    end if;
  end loop;
end
$$;

comment on function usage.add_to_members(uuid[], text[], uuid[], bigint[], boolean) is 'Adds to the counters of members: the arrays hold one addition at each position, sorted by workspace, metric and member, in the metric''s unit. Skips workspaces whose members are not counted. Raises 23U01 when a member''s use and live reservations would exceed the limit; p_enforce false adds past it. Called by the member triggers of meters after the workspaces'' counters, and by the gate';

revoke execute on function usage.add_to_members(uuid[], text[], uuid[], bigint[], boolean) from public;

-- hasura/sql/usage/shards/note_contention.sql
create or replace function usage.note_contention(
  p_workspace_id uuid,
  p_metric text,
  p_period_start timestamptz,
  p_started_at timestamptz
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _contention smallint;
begin
  update usage.counters as counter
  set
    contention = case when counter.contention_since > p_started_at - interval '1 second' then least(counter.contention + 1, 1000) else 1 end,
    contention_since = case when counter.contention_since > p_started_at - interval '1 second' then counter.contention_since else p_started_at end
  where counter.workspace_id = p_workspace_id
    and counter.metric = p_metric
    and counter.period_start = p_period_start
  returning counter.contention
  into _contention;
  if _contention >= 8 then
    perform usage.add_beyond_headroom(p_workspace_id, p_metric, 0);
  end if;
end
$$;

comment on function usage.note_contention(uuid, text, timestamptz, timestamptz) is 'Records that an addition, begun at p_started_at, waited for the counter''s row, which its transaction now has locked; the eighth wait within a second splits the counter. Called by the insert triggers of meters; usage.add records its own waits in its update';

revoke execute on function usage.note_contention(uuid, text, timestamptz, timestamptz) from public;

-- hasura/sql/usage/meters/meter_template.sql
create or replace function usage.meter_template(p_part text)
returns text
language sql
immutable
set search_path = pg_catalog, pg_temp
as $function$
  select part.template
  from (
    values

-- The function behind each trigger.
('function', $template$
create or replace function {{function}}()
returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as {{body}};

revoke execute on function {{function}}() from public;
$template$),

-- The four triggers. Those that count members have a name with _members behind it, by which they fire after those of the workspace.
('insert_trigger', $template$
create or replace trigger {{trigger}}
  after insert on {{table}}
  referencing new table as new_rows
  for each statement
  execute function {{function}}()
$template$),

('update_trigger', $template$
create or replace trigger {{trigger}}
  after update on {{table}}
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function {{function}}()
$template$),

('delete_trigger', $template$
create or replace trigger {{trigger}}
  after delete on {{table}}
  referencing old table as old_rows
  for each statement
  execute function {{function}}()
$template$),

('truncate_trigger', $template$
create or replace trigger {{trigger}}
  before truncate on {{table}}
  for each statement
  execute function {{function}}()
$template$),

-- The body for insert, update and delete: one amount a workspace and metric, in the order in which counters are locked. An
-- expression may read a column that is called like a variable.
('statement', $template$
#variable_conflict use_column
declare
  _workspaces uuid[];
  _metrics text[];
  _amounts bigint[];
  _refused text;
begin{{one_row}}
  select
    array_agg(total.workspace_id) filter (where total.workspace_id is not null),
    array_agg(total.metric) filter (where total.workspace_id is not null),
    array_agg(total.amount) filter (where total.workspace_id is not null),
    min(total.metric) filter (where total.refused)
  into _workspaces, _metrics, _amounts, _refused
  from (
    select
      changed.workspace_id,
      changed.metric,
      sum(changed.amount)::bigint as amount,
      bool_or(changed.refused) as refused
    from ({{rows}}
    ) as changed
    group by changed.workspace_id, changed.metric
    having sum(changed.amount) <> 0 or bool_or(changed.refused)
    order by changed.workspace_id, changed.metric
  ) as total;
  if _refused is not null then
    raise exception using
      errcode = '23U02',
      message = format('a row of %s without a workspace or with a negative amount cannot be counted as %s', tg_table_name, _refused),
      detail = json_build_object('code', 'invalid-input', 'metric', _refused)::text;
  end if;
  case cardinality(_workspaces)
    when 1 then
      perform usage.add(_workspaces[1], _metrics[1], _amounts[1]);
    else
      if _workspaces is not null then
        perform usage.add_many(_workspaces, _metrics, _amounts);
      end if;
  end case;
  return null;
end
$template$),

-- What an insert tries first where the table has one meter, of a gauge.
('one_row_gauge', $template$
  declare
    _workspace uuid;
    _amount bigint;
  begin
    -- Several rows, rows that do not count and rows to be refused take the way below.
    select changed.workspace_id, changed.amount
    into _workspace, _amount
    from ({{rows}}
    ) as changed
    where changed.amount > 0
      and not changed.refused
      and not exists (
        select
        from new_rows
        offset 1
      );
    if found then
      perform usage.add(_workspace, {{metric}}, _amount);
      return null;
    end if;
  end;
$template$),

-- What an insert tries first where the table has one meter, of a counter: what usage.add does within headroom, without the call.
('one_row_counter', $template$
  declare
    _workspace uuid;
    _amount bigint;
    _start timestamptz;
    _shards smallint;
    _shard smallint;
    _asked_at timestamptz;
  begin
    -- Several rows, rows that do not count and rows to be refused take the way below. Headroom ends with its period at the
    -- latest, so only the latest counter can have any.
    select changed.workspace_id, changed.amount, counter.period_start, counter.shards
    into _workspace, _amount, _start, _shards
    from ({{rows}}
    ) as changed
    left join lateral (
      select latest.period_start, latest.shards
      from usage.counters as latest
      where latest.workspace_id = changed.workspace_id
        and latest.metric = {{metric}}
        and latest.period_start <= now()
      order by latest.period_start desc
      limit 1
    ) as counter on true
    where changed.amount > 0
      and not changed.refused
      and not exists (
        select
        from new_rows
        offset 1
      );
    if found then
      if _shards = 0 then
        _asked_at := clock_timestamp();
        update usage.counters as counter
        set
          used = counter.used + _amount,
          headroom = counter.headroom - _amount,
          updated_at = now()
        where counter.workspace_id = _workspace
          and counter.metric = {{metric}}
          and counter.period_start = _start
          and counter.headroom >= _amount
          and counter.headroom_until > now();
        if found then
          insert into usage.counter_log (workspace_id, metric, period_start, amount)
          values (_workspace, {{metric}}, _start, _amount);
          if clock_timestamp() - _asked_at > interval '1 millisecond' then
            perform usage.note_contention(_workspace, {{metric}}, _start, _asked_at);
          end if;
          return null;
        end if;
      elsif _shards > 0 then
        -- A variable, because within the statement the expression is computed for every row.
        _shard := (pg_backend_pid() % _shards)::smallint;
        -- Skips a locked shard instead of waiting: usage.add_to_shard finds another one.
        update usage.counter_shards as shard
        set
          used = shard.used + _amount,
          headroom = shard.headroom - _amount,
          updated_at = now()
        where shard.ctid = (
          select free.ctid
          from usage.counter_shards as free
          where free.workspace_id = _workspace
            and free.metric = {{metric}}
            and free.period_start = _start
            and free.shard = _shard
            and free.headroom >= _amount
            and free.headroom_until > now()
          for no key update skip locked
        );
        if found then
          insert into usage.counter_log (workspace_id, metric, period_start, amount)
          values (_workspace, {{metric}}, _start, _amount);
          return null;
        end if;
      end if;

      perform usage.add(_workspace, {{metric}}, _amount);
      return null;
    end if;
  end;
$template$),

-- The body for truncate. The table is read under its present name, which a rename changes.
('truncate', $template$
declare
  _workspaces uuid[];
  _metrics text[];
  _amounts bigint[];
begin
  -- An older snapshot may miss rows that the truncate removes.
  if current_setting('transaction_isolation') not in ('read committed', 'read uncommitted') then
    raise exception using
      errcode = '23U02',
      message = format('%s is metered: truncate it in a read committed transaction', tg_table_name);
  end if;
  execute replace({{total}}, {{mark}}, tg_relid::regclass::text)
  into _workspaces, _metrics, _amounts;
  for _n in 1..coalesce(cardinality(_workspaces), 0) loop
    perform usage.add(_workspaces[_n], _metrics[_n], _amounts[_n]);
  end loop;
  return null;
end
$template$),

-- The body for insert, update and delete that counts members. It runs after the workspace's counter is locked, for which a
-- change of what is counted waits.
('member_statement', $template$
#variable_conflict use_column
declare
  _workspaces uuid[];
  _metrics text[];
  _members uuid[];
  _amounts bigint[];
begin
  if not exists (
      select
      from billing.member_limits as member_limit
      where member_limit.metric = any ({{metrics}})
    )
    and not exists (
      select
      from usage.member_meters as member_meter
      where member_meter.metric = any ({{metrics}})
    )
  then
    return null;
  end if;{{lock_moves}}
  select total.workspaces, total.metrics, total.members, total.amounts
  into _workspaces, _metrics, _members, _amounts
  from ({{total}}) as total;
  perform usage.add_to_members(_workspaces, _metrics, _members, _amounts);
  return null;
end
$template$),

-- What an update of a gauge does before it counts members: a move between members leaves the workspace's counter as it is,
-- so that nothing has locked it yet.
('lock_moves', $template$
  perform usage.lock_counter(moved.workspace_id, moved.metric, '-infinity')
  from (
    select changed.workspace_id, changed.metric
    from ({{rows}}
    ) as changed
    where changed.workspace_id is not null
      and not exists (
        select
        from usage.member_meters as member_meter
        where member_meter.workspace_id = changed.workspace_id
          and member_meter.metric = changed.metric
      )
    group by changed.workspace_id, changed.metric
    having sum(changed.amount) = 0
    order by changed.workspace_id, changed.metric
  ) as moved;$template$),

-- The body for truncate that counts members.
('member_truncate', $template$
declare
  _workspaces uuid[];
  _metrics text[];
  _members uuid[];
  _amounts bigint[];
begin
  execute replace({{total}}, {{mark}}, tg_relid::regclass::text)
  into _workspaces, _metrics, _members, _amounts;
  perform usage.add_to_members(_workspaces, _metrics, _members, _amounts);
  return null;
end
$template$),

-- The totals of a whole table.
('total', $template$
  select
    array_agg(total.workspace_id) as workspaces,
    array_agg(total.metric) as metrics,
    array_agg(total.amount) as amounts
  from (
    select changed.workspace_id, changed.metric, sum(changed.amount)::bigint as amount
    from ({{rows}}
    ) as changed
    where changed.workspace_id is not null
    group by changed.workspace_id, changed.metric
    having sum(changed.amount) <> 0
    order by changed.workspace_id, changed.metric
  ) as total
$template$),

('member_total', $template$
    select
      array_agg(total.workspace_id) as workspaces,
      array_agg(total.metric) as metrics,
      array_agg(total.member_id) as members,
      array_agg(total.amount) as amounts
    from (
      select changed.workspace_id, changed.metric, changed.member_id, sum(changed.amount)::bigint as amount
      from ({{rows}}
      ) as changed
      where changed.workspace_id is not null
        and changed.member_id is not null
      group by changed.workspace_id, changed.metric, changed.member_id
      having sum(changed.amount) <> 0
      order by changed.workspace_id, changed.metric, changed.member_id
    ) as total
  $template$),

-- What the rows of one meter add up from; several are joined by union all. An expression may end in a comment, so a line
-- ends behind each.
('rows', $template$
      select
        ({{workspace}}
        ) as workspace_id,
        {{metric}}::text as metric,
        {{sign}} * ({{amount}}
        )::bigint as amount,
        {{refused}} as refused
      from {{source}} as {{alias}}
      where ({{live}}
      )$template$),

('refused', $template$({{workspace}}
        ) is null or ({{amount}}
        )::bigint < 0$template$),

('member_rows', $template$
      select
        ({{workspace}}
        ) as workspace_id,
        {{metric}}::text as metric,
        ({{member}}
        ) as member_id,
        {{sign}} * ({{amount}}
        )::bigint as amount
      from {{source}} as {{alias}}
      where ({{live}}
      )$template$),

-- Whether rows that exist could not be counted.
('any_refused', $template$
  select bool_or(changed.refused)
  from ({{rows}}
  ) as changed
$template$),

-- Proves that a text is one expression. Only an immutable expression on the row itself is the same when the row is deleted or
-- recounted as when it was inserted: an index on an empty copy demands just that. Generated columns stay generated in the copy,
-- because a virtual one has no value in a transition table and the index refuses it.
('probe', $template$
create temporary table {{relation}} (like {{table}} including generated);

create index usage_meter_probe on pg_temp.{{relation}} (({{expression}}
));
$template$),

-- A text that closes the parentheses of the index and opens them again does not fit between one pair.
('probe_parentheses', $template$
select ({{expression}}
) from pg_temp.{{relation}} where false
$template$),

-- What an update adds to a counter, row by row: what is more, and all of a row that comes from another workspace. The rows of
-- the two transition tables stand in the same order.
('raised_rows', $template$
      select
        present.workspace_id,
        {{metric}}::text as metric,
        case
          when present.workspace_id is distinct from former.workspace_id then present.amount
          else greatest(present.amount - former.amount, 0)
        end as amount,
        present.amount < 0 or (present.workspace_id is null and present.amount > 0) as refused
      from (
        select
          row_number() over () as position,
          ({{workspace}}
          ) as workspace_id,
          case when ({{live}}
          ) then coalesce(({{amount}}
          )::bigint, 0) else 0 end as amount
        from new_rows as {{alias}}
      ) as present
      join (
        select
          row_number() over () as position,
          ({{workspace}}
          ) as workspace_id,
          case when ({{live}}
          ) then coalesce(({{amount}}
          )::bigint, 0) else 0 end as amount
        from old_rows as {{alias}}
      ) as former
        on former.position = present.position
      where present.amount <> 0$template$),

-- What moves between members counts for the one that it comes to.
('raised_member_rows', $template$
      select
        present.workspace_id,
        {{metric}}::text as metric,
        present.member_id,
        case
          when (present.workspace_id, present.member_id) is distinct from (former.workspace_id, former.member_id)
          then present.amount
          else greatest(present.amount - former.amount, 0)
        end as amount
      from (
        select
          row_number() over () as position,
          ({{workspace}}
          ) as workspace_id,
          ({{member}}
          ) as member_id,
          case when ({{live}}
          ) then coalesce(({{amount}}
          )::bigint, 0) else 0 end as amount
        from new_rows as {{alias}}
      ) as present
      join (
        select
          row_number() over () as position,
          ({{workspace}}
          ) as workspace_id,
          ({{member}}
          ) as member_id,
          case when ({{live}}
          ) then coalesce(({{amount}}
          )::bigint, 0) else 0 end as amount
        from old_rows as {{alias}}
      ) as former
        on former.position = present.position
      where present.amount <> 0$template$),

-- The trigger function that keeps the column of usage.add_workspace_column.
('workspace_column', $template$
begin
  -- The lock waits for a move of the parent that is not committed, and makes a later move wait for this row.
  select parent.{{parent_workspace}}
  into new.{{column}}
  from {{parent}} as parent
  where parent.{{parent_key}} {{equals}} new.{{foreign_key}}
  for key share;
  if new.{{column}} is null then
    raise exception using
      errcode = '23U02',
      message = format({{message}}, coalesce(quote_literal(new.{{foreign_key}}), 'null')),
      detail = json_build_object('code', 'invalid-input')::text,
      schema = tg_table_schema,
      table = tg_table_name,
      column = {{column_name}};
  end if;
  return new;
end
$template$),

('workspace_insert_trigger', $template$
create or replace trigger usage_workspace_insert
  before insert on {{table}}
  for each row
  execute function {{function}}()
$template$),

('workspace_update_trigger', $template$
create or replace trigger usage_workspace_update
  before update on {{table}}
  for each row
  when ((old.{{foreign_key}} {{same_key}} new.{{foreign_key}} and old.{{column}} = new.{{column}}) is not true)
  execute function {{function}}()
$template$),

-- Carries a move of the parent to its rows, and refuses a row whose workspace is not that of its parent.
('workspace_foreign_key', $template$
alter table {{table}}
  add constraint usage_workspace_fkey
  foreign key ({{foreign_key}}, {{column}})
  references {{parent}} ({{parent_key}}, {{parent_workspace}})
  on update cascade
  on delete {{on_delete}}
  {{checked}}
$template$),

-- Fills the column for the rows that exist.
('workspace_fill', $template$
update {{table}} as child
set {{column}} = parent.{{parent_workspace}}
from {{parent}} as parent
where parent.{{parent_key}} {{equals}} child.{{foreign_key}}
$template$)

  ) as part (name, template)
  where part.name = p_part
$function$;

comment on function usage.meter_template(text) is 'Everything that usage.attach_meter and usage.add_workspace_column generate for a table, part by part; null for an unknown part. usage.fill_meter_template puts values in the place of {{name}}. After a change of this file run usage.rebuild_meters().';

revoke execute on function usage.meter_template(text) from public;

-- hasura/sql/usage/meters/fill_meter_template.sql
create or replace function usage.fill_meter_template(p_part text, p_values jsonb)
returns text
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  _pieces constant text[] := string_to_array(usage.meter_template(p_part), '{{');
  _filled text := _pieces[1];
  _name text;
begin
  if _pieces is null then
    raise exception using errcode = '22023', message = format('usage.meter_template has no part "%s"', p_part);
  end if;
  -- One pass over the template: what a value contains is never taken for a mark.
  for _n in 2..cardinality(_pieces) loop
    _name := split_part(_pieces[_n], '}}', 1);
    if p_values ->> _name is null then
      raise exception using errcode = '22023', message = format('part "%s" of usage.meter_template needs a value for {{%s}}', p_part, _name);
    end if;
    _filled := _filled || (p_values ->> _name) || substr(_pieces[_n], length(_name) + 3);
  end loop;
  return _filled;
end
$$;

comment on function usage.fill_meter_template(text, jsonb) is 'A part of usage.meter_template with each {{name}} replaced by the value of that name. Values are SQL: the caller quotes names and literals. SQLSTATE 22023 for an unknown part and for a name without a value.';

revoke execute on function usage.fill_meter_template(text, jsonb) from public;

-- hasura/sql/usage/meters/meter_bodies.sql
create or replace function usage.meter_bodies(p_table regclass)
returns table (
  event text,
  suffix text,
  body text
)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  with read_rows (event, kind, source, sign, part) as (
    values
      ('insert', 'gauge', 'new_rows', 1, 'rows'),
      ('insert', 'counter', 'new_rows', 1, 'rows'),
      ('update', 'gauge', 'new_rows', 1, 'rows'),
      ('update', 'gauge', 'old_rows', -1, 'rows'),
      ('update', 'counter', '', 1, 'raised_rows'),
      ('delete', 'gauge', 'old_rows', -1, 'rows'),
      ('truncate', 'gauge', '{{table}}', -1, 'rows')
  ),
  counted as (
    select
      read_rows.event,
      string_agg(
        usage.meter_branch(meter, read_rows.source, read_rows.sign, read_rows.part),
        E'\n      union all' order by meter.metric, read_rows.sign desc
      ) as rows,
      -- The short way of an insert is for one row of one meter.
      case when read_rows.event = 'insert' and count(*) = 1 then 'one_row_' || min(metric.kind) end as one_row,
      min(quote_literal(meter.metric)) as metric
    from read_rows
    join usage.metrics as metric
      on metric.kind = read_rows.kind
    join usage.meters as meter
      on meter.metric = metric.key
    where meter.relation = p_table
    group by read_rows.event
  ),
  counted_for_members as (
    select
      read_rows.event,
      string_agg(
        usage.meter_branch(
          meter, read_rows.source, read_rows.sign,
          case read_rows.part when 'rows' then 'member_rows' else 'raised_member_rows' end
        ),
        E'\n      union all' order by meter.metric, read_rows.sign desc
      ) as rows,
      string_agg(
        usage.meter_branch(meter, read_rows.source, read_rows.sign, 'member_rows'),
        E'\n      union all' order by meter.metric, read_rows.sign desc
      ) filter (where read_rows.event = 'update' and metric.kind = 'gauge') as moves,
      quote_literal(
        (
          select array_agg(watched.metric order by watched.metric)
          from usage.meters as watched
          where watched.relation = p_table
            and watched.member_expression is not null
        )
      ) as metrics
    from read_rows
    join usage.metrics as metric
      on metric.kind = read_rows.kind
    join usage.meters as meter
      on meter.metric = metric.key
    where meter.relation = p_table
      and meter.member_expression is not null
    group by read_rows.event
  )
  select
    counted.event,
    '',
    usage.fill_meter_template(
      case counted.event when 'truncate' then 'truncate' else 'statement' end,
      jsonb_build_object(
        'rows', counted.rows,
        'one_row', case
          when counted.one_row is null then ''
          else usage.fill_meter_template(
            counted.one_row, jsonb_build_object('rows', counted.rows, 'metric', counted.metric)
          )
        end,
        'total', quote_literal(usage.fill_meter_template('total', jsonb_build_object('rows', counted.rows))),
        'mark', quote_literal('{{table}}')
      )
    )
  from counted
  union all
  select
    counted.event,
    '_members',
    usage.fill_meter_template(
      case counted.event when 'truncate' then 'member_truncate' else 'member_statement' end,
      jsonb_build_object(
        'metrics', counted.metrics,
        'lock_moves', case
          when counted.moves is null then ''
          else usage.fill_meter_template('lock_moves', jsonb_build_object('rows', counted.moves))
        end,
        'total', case counted.event when 'truncate' then quote_literal(total.query) else total.query end,
        'mark', quote_literal('{{table}}')
      )
    )
  from counted_for_members as counted
  cross join lateral usage.fill_meter_template('member_total', jsonb_build_object('rows', counted.rows)) as total (query)
$$;

comment on function usage.meter_bodies(regclass) is 'What the trigger functions of a metered table do: one row for each event and suffix, where "" counts for workspaces and "_members" for members.';

revoke execute on function usage.meter_bodies(regclass) from public;

-- hasura/sql/usage/meters/qualified_operator.sql
create or replace function usage.qualified_operator(p_operator oid)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select format('operator(%I.%s)', namespace.nspname, operator.oprname)
  from pg_operator as operator
  join pg_namespace as namespace
    on namespace.oid = operator.oprnamespace
  where operator.oid = p_operator
$$;

comment on function usage.qualified_operator(oid) is 'An operator as SQL that does not depend on the search path: operator(pg_catalog.=).';

revoke execute on function usage.qualified_operator(oid) from public;

-- hasura/sql/usage/meters/parent_of.sql
create or replace function usage.parent_of(
  p_table regclass,
  p_parent regclass,
  p_foreign_key text,
  p_parent_workspace text
)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  _key record;
begin
  if p_table = p_parent then
    raise exception using
      errcode = '22023',
      message = format('%s cannot take its workspace from itself: its first row would have none', p_table);
  end if;
  select
    parent_key.attname as name,
    foreign_key.confdeltype as deletes,
    foreign_key.condeferrable as is_deferrable,
    foreign_key.condeferred as is_deferred,
    usage.qualified_operator(foreign_key.conpfeqop[1]) as equals
  into _key
  from pg_constraint as foreign_key
  join pg_attribute as child_key
    on child_key.attrelid = foreign_key.conrelid
    and child_key.attnum = foreign_key.conkey[1]
  join pg_attribute as parent_key
    on parent_key.attrelid = foreign_key.confrelid
    and parent_key.attnum = foreign_key.confkey[1]
  where foreign_key.conrelid = p_table
    and foreign_key.confrelid = p_parent
    and foreign_key.contype = 'f'
    and cardinality(foreign_key.conkey) = 1
    and child_key.attname = p_foreign_key;
  if not found then
    raise exception using
      errcode = '22023',
      message = format('%s has no foreign key of the one column "%s" to %s', p_table, p_foreign_key, p_parent);
  end if;
  if _key.deletes not in ('a', 'c', 'r') then
    raise exception using
      errcode = '22023',
      message = format('the foreign key "%s" of %s is set to null or to its default when a row of %s is deleted, but a row without a parent has no workspace: use on delete cascade, restrict or no action', p_foreign_key, p_table, p_parent);
  end if;
  if _key.name = p_parent_workspace then
    raise exception using
      errcode = '22023',
      message = format('"%s" of %s is the workspace itself: attach the meter with p_workspace => %L', p_foreign_key, p_table, quote_ident(p_foreign_key));
  end if;
  if not exists (
    select
    from pg_attribute as attribute
    where attribute.attrelid = p_parent
      and attribute.attname = p_parent_workspace
      and attribute.attnum > 0
      and attribute.atttypid = 'uuid'::regtype
  ) then
    raise exception using
      errcode = '22023',
      message = format('%s has no column "%s" of type uuid; %s', p_parent, p_parent_workspace, usage.suggest_workspace_column(p_parent));
  end if;
  return jsonb_build_object(
    'table', p_table,
    'parent', p_parent,
    'foreign_key', quote_ident(p_foreign_key),
    'parent_key', quote_ident(_key.name),
    'parent_key_name', _key.name,
    'parent_workspace', quote_ident(p_parent_workspace),
    'equals', _key.equals,
    'on_delete', case _key.deletes when 'c' then 'cascade' when 'r' then 'restrict' else 'no action' end,
    'checked', case
      when _key.is_deferred then 'deferrable initially deferred'
      when _key.is_deferrable then 'deferrable'
      else 'not deferrable'
    end
  );
end
$$;

comment on function usage.parent_of(regclass, regclass, text, text) is 'How the rows of a table find the workspace of their parent, by the foreign key between the two, as values for usage.fill_meter_template. SQLSTATE 22023 where they cannot.';

revoke execute on function usage.parent_of(regclass, regclass, text, text) from public;

-- hasura/sql/usage/meters/require_plain_table.sql
create or replace function usage.require_plain_table(p_table regclass, p_use text)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  _class record;
begin
  select class.relkind, class.relpersistence, class.relispartition, namespace.nspname
  into _class
  from pg_class as class
  join pg_namespace as namespace
    on namespace.oid = class.relnamespace
  where class.oid = p_table;
  if not found then
    raise exception using errcode = '22023', message = format('a table that does not exist cannot %s', p_use);
  end if;
  if _class.relkind <> 'r'
    or _class.relpersistence <> 'p'
    or _class.relispartition
    or exists (
      select
      from pg_inherits as inheritance
      where p_table in (inheritance.inhrelid, inheritance.inhparent)
    )
  then
    raise exception using
      errcode = '22023',
      message = format('%s cannot %s: it is not a plain permanent table (views, foreign, unlogged, temporary, partitioned and inherited tables can be written past a statement trigger)', p_table, p_use);
  end if;
  if _class.nspname in ('usage', 'pg_catalog', 'information_schema') then
    raise exception using errcode = '22023', message = format('%s cannot %s: it belongs to the system', p_table, p_use);
  end if;
end
$$;

comment on function usage.require_plain_table(regclass, text) is 'Raises SQLSTATE 22023 unless the table is one whose every write passes its triggers. The use completes the sentence: be metered.';

revoke execute on function usage.require_plain_table(regclass, text) from public;

-- hasura/sql/usage/meters/require_workspace_key.sql
create or replace function usage.require_workspace_key(p_parent regclass, p_key text, p_workspace text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _relation text;
begin
  if exists (
    select
    from pg_index as index
    where index.indrelid = p_parent
      and index.indisunique
      and index.indimmediate
      and index.indisvalid
      and index.indpred is null
      and index.indexprs is null
      and index.indnkeyatts = 2
      and (
        select array_agg(attribute.attname::text order by attribute.attname::text collate "C")
        from pg_attribute as attribute
        where attribute.attrelid = p_parent
          and attribute.attnum = any (index.indkey[0:1])
      ) = (
        select array_agg(wanted.name order by wanted.name collate "C")
        from unnest(array[p_key, p_workspace]) as wanted (name)
      )
  ) then
    return;
  end if;
  select class.relname::text
  into _relation
  from pg_class as class
  where class.oid = p_parent;
  -- A name of at most 63 bytes.
  if octet_length(_relation) > 43 then
    _relation := left(md5(_relation), 12);
  end if;
  execute format(
    'alter table %s add constraint %I unique (%I, %I)',
    p_parent, _relation || '_usage_workspace_key', p_key, p_workspace
  );
end
$$;

comment on function usage.require_workspace_key(regclass, text, text) is 'Makes the key and the workspace of a parent unique together, which a foreign key needs that carries a move to the children. Then a change of the workspace takes a lock that excludes the lock of a new child, and no other update of the parent does.';

revoke execute on function usage.require_workspace_key(regclass, text, text) from public;

-- hasura/sql/usage/meters/add_workspace_column.sql
create or replace function usage.add_workspace_column(
  p_table regclass,
  p_parent regclass,
  p_foreign_key text,
  p_column text default 'workspace_id',
  p_parent_workspace text default 'workspace_id'
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _values jsonb;
begin
  if current_setting('transaction_isolation') not in ('read committed', 'read uncommitted') then
    raise exception using
      errcode = '22023',
      message = 'add a workspace column in a read committed transaction';
  end if;
  perform usage.require_plain_table(p_table, 'have a workspace column');
  perform usage.require_plain_table(p_parent, 'give a workspace to other rows');
  if p_column is null or p_column = '' or octet_length(p_column) > 63 then
    raise exception using errcode = '22023', message = 'the name of a column has 1 to 63 bytes';
  end if;

  -- The parent before its rows, as a move of the parent takes them.
  execute format('lock table %s in share row exclusive mode', p_parent);
  execute format('lock table %s in access exclusive mode', p_table);
  if exists (
    select
    from pg_attribute as attribute
    where attribute.attrelid = p_table
      and attribute.attname = p_column
  ) then
    raise exception using errcode = '22023', message = format('%s has a column "%s" already', p_table, p_column);
  end if;
  if exists (
    select
    from pg_constraint as foreign_key
    where foreign_key.conrelid = p_table
      and foreign_key.conname = 'usage_workspace_fkey'
  ) then
    raise exception using errcode = '22023', message = format('%s has a workspace column already', p_table);
  end if;
  _values := usage.parent_of(p_table, p_parent, p_foreign_key, p_parent_workspace);

  perform usage.require_workspace_key(p_parent, _values ->> 'parent_key_name', p_parent_workspace);
  execute format('alter table %s add column %I uuid', p_table, p_column);
  execute format(
    'comment on column %s.%I is %L',
    p_table, p_column,
    format('The %s of the row of %s that %s refers to. Triggers keep it: a value that a client sends is ignored.', p_parent_workspace, p_parent, p_foreign_key)
  );
  _values := _values || jsonb_build_object('column', quote_ident(p_column), 'column_name', p_column);
  perform usage.fill_workspace_column(p_table, _values);
  execute usage.fill_meter_template('workspace_foreign_key', _values);
  perform usage.create_workspace_triggers(p_table);
end
$$;

comment on function usage.add_workspace_column(regclass, regclass, text, text, text) is 'Gives a table without a tenant column one that follows the workspace of its parent row: filled for the rows that exist, set by triggers for new and changed rows, moved along when the parent moves. p_foreign_key is the column that refers to the parent, p_column the new column, p_parent_workspace the uuid column of the parent. A row without such a parent is refused with 23U02. SQLSTATE 22023 says what the tables lack. Blocks both tables until the transaction ends.';

revoke execute on function usage.add_workspace_column(regclass, regclass, text, text, text) from public;

-- hasura/sql/usage/meters/suggest_workspace_column.sql
create or replace function usage.suggest_workspace_column(p_table regclass)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select coalesce(
    string_agg(
      format(
        'usage.add_workspace_column(%L, %L, %L)',
        p_table::text, foreign_key.confrelid::regclass::text, attribute.attname
      ),
      ' or ' order by attribute.attnum
    ),
    'usage.add_workspace_column(table, parent table, foreign key column)'
  ) || ' adds a workspace_id that is kept from a parent row'
  from pg_constraint as foreign_key
  join pg_attribute as attribute
    on attribute.attrelid = foreign_key.conrelid
    and attribute.attnum = foreign_key.conkey[1]
  where foreign_key.conrelid = p_table
    and foreign_key.contype = 'f'
    and foreign_key.confrelid <> p_table
    and cardinality(foreign_key.conkey) = 1
$$;

comment on function usage.suggest_workspace_column(regclass) is 'For an error message: the calls that would give a table a workspace column, one for each of its parents.';

revoke execute on function usage.suggest_workspace_column(regclass) from public;

-- hasura/sql/usage/reconciliation/counter_recounts.sql
create or replace view usage.counter_recounts as
select
  added.workspace_id,
  added.metric,
  added.period_start,
  sum(added.amount)::bigint as amount
from (
  select
    total.workspace_id,
    total.metric,
    total.period_start,
    total.amount
  from usage.counter_log_totals as total
  union all
  select
    addition.workspace_id,
    addition.metric,
    addition.period_start,
    addition.amount
  from usage.counter_log as addition
) as added
-- PostgreSQL 15 prints the columns of a view over one relation without their table. With two, every version prints the same.
cross join (values (1)) as once (one)
group by added.workspace_id, added.metric, added.period_start;

comment on view usage.counter_recounts is 'The sum of all logged additions to each counter, those without an idempotency key included. A counter with another value has drifted.';

-- hasura/sql/usage/reports/history.sql
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

comment on view usage.history is 'Use of each metric by each workspace in the periods that have ended, one row for each period with use. Amounts are in the unit of the metric.';

comment on column usage.history.used is 'Use of a counter at the end of the period; null for a gauge, which has a peak only.';
comment on column usage.history.peak is 'Highest level in the period; for a counter the use at its end.';
comment on column usage.history.limit_value is 'Limit at the end of the period; null is unlimited.';
comment on column usage.history.overage is 'Use, or peak of a gauge, above the limit at the end of the period.';

-- hasura/sql/usage/reports/subscription_usage.sql
create or replace view usage.subscription_usage as
select
  md5(workspaces.id::text || ' ' || extract(epoch from started.period_start)::text)::uuid as id,
  subscription.id as subscription_id,
  workspaces.id as workspace_id,
  to_char(started.period_start at time zone workspaces.time_zone, 'YYYY-MM') as period,
  gauges.current_members,
  gauges.max_members_reached,
  gauges.current_channels,
  gauges.max_channels_reached,
  gauges.current_storage_bytes,
  gauges.max_storage_bytes_reached,
  coalesce(sums.messages_sent, 0) as messages_sent,
  coalesce(sums.total_messages, 0) as total_messages,
  coalesce(sums.api_calls, 0) as api_calls,
  coalesce((sums.call_seconds + 59) / 60, 0) as call_minutes,
  coalesce((sums.stream_seconds + 59) / 60, 0) as stream_minutes,
  coalesce(sums.files_uploaded, 0) as files_uploaded,
  coalesce(sums.total_file_size_bytes, 0) as total_file_size_bytes,
  '{}'::jsonb as metadata,
  started.period_start as created_at,
  coalesce(greatest(sums.updated_at, gauges.updated_at), started.period_start) as updated_at,
  started.period_start,
  ended.period_end
from public.workspaces
cross join lateral (
  select counters.period_start
  from usage.counters
  where counters.workspace_id = workspaces.id
    and counters.period_start > '-infinity'
  union
  select peaks.period_start
  from usage.peaks
  where peaks.workspace_id = workspaces.id
  union
  select present.period_start
  from (
    select period.period_start
    from usage.period(workspaces.id) as period
    limit 1
  ) as present
) as started
cross join lateral (
  select period.period_end
  from usage.period(workspaces.id, started.period_start) as period
  limit 1
) as ended
left join lateral (
  select subscriptions.id
  from billing.subscriptions
  where subscriptions.workspace_id = workspaces.id
    and subscriptions.starts_at < ended.period_end
    and (subscriptions.ends_at is null or subscriptions.ends_at > started.period_start)
  order by subscriptions.starts_at desc, subscriptions.created_at desc
  limit 1
) as subscription
  on true
cross join lateral (
  select
    sum(counters.used) filter (
      where counters.metric = 'messages'
        and counters.period_start = started.period_start
    )::bigint as messages_sent,
    sum(counters.used) filter (where counters.metric = 'messages')::bigint as total_messages,
    sum(counters.used) filter (
      where counters.metric = 'api_calls'
        and counters.period_start = started.period_start
    )::bigint as api_calls,
    sum(counters.used) filter (
      where counters.metric = 'call_seconds'
        and counters.period_start = started.period_start
    )::bigint as call_seconds,
    sum(counters.used) filter (
      where counters.metric = 'stream_seconds'
        and counters.period_start = started.period_start
    )::bigint as stream_seconds,
    sum(counters.used) filter (
      where counters.metric = 'files_uploaded'
        and counters.period_start = started.period_start
    )::bigint as files_uploaded,
    sum(counters.used) filter (
      where counters.metric = 'uploaded_bytes'
        and counters.period_start = started.period_start
    )::bigint as total_file_size_bytes,
    max(counters.updated_at) filter (where counters.period_start = started.period_start) as updated_at
  from usage.counter_totals as counters
  where counters.workspace_id = workspaces.id
    and counters.period_start > '-infinity'
    and counters.period_start <= started.period_start
) as sums
cross join lateral (
  select
    coalesce(max(level.present) filter (where level.metric = 'members'), 0) as current_members,
    coalesce(max(level.highest) filter (where level.metric = 'members'), 0) as max_members_reached,
    coalesce(max(level.present) filter (where level.metric = 'channels'), 0) as current_channels,
    coalesce(max(level.highest) filter (where level.metric = 'channels'), 0) as max_channels_reached,
    coalesce(max(level.present) filter (where level.metric = 'storage_bytes'), 0) as current_storage_bytes,
    coalesce(max(level.highest) filter (where level.metric = 'storage_bytes'), 0) as max_storage_bytes_reached,
    max(level.updated_at) as updated_at
  from (
    select
      counters.metric,
      -- Of a level that changed after the period, only the peak in the period is stored.
      case
        when counters.updated_at < ended.period_end then counters.used
        else coalesce(peaks.peak, 0)
      end as present,
      coalesce(
        peaks.peak,
        case
          when counters.updated_at < ended.period_end then counters.used
          else 0
        end
      ) as highest,
      case
        when counters.updated_at < ended.period_end then counters.updated_at
      end as updated_at
    from usage.counters
    left join usage.peaks
      on peaks.workspace_id = counters.workspace_id
      and peaks.metric = counters.metric
      and peaks.period_start = started.period_start
    where counters.workspace_id = workspaces.id
      and counters.period_start = '-infinity'
      and counters.metric in ('members', 'channels', 'storage_bytes')
  ) as level
) as gauges;

comment on view usage.subscription_usage is 'Use of the sample application''s metrics side by side, one row for each workspace and period with use, the present period always.';

comment on column usage.subscription_usage.period is 'The month, in the time zone of the workspace, in which the period started, as YYYY-MM.';
comment on column usage.subscription_usage.current_members is 'The level now in the present period, the last level known in a period that has ended.';
comment on column usage.subscription_usage.total_messages is 'Messages of this period and of all periods before it.';
comment on column usage.subscription_usage.call_minutes is 'Rounded up to whole minutes.';

-- hasura/sql/usage/upgrades/forecast.sql
create or replace function usage.forecast(p_workspace_id uuid)
returns jsonb
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object(
    'now', now(),
    'periodStart', period.period_start,
    'periodEnd', period.period_end,
    'plan', (
      select jsonb_build_object('planId', plans.id, 'rank', plans.rank, 'priceCents', plans.price_cents)
      from billing.plans
      where plans.id = present.plan_id
    ),
    'metrics', (
      select coalesce(
        jsonb_agg(
          jsonb_build_object(
            'metric', level.metric,
            'kind', level.kind,
            'used', level.used::text,
            'reserved', level.reserved::text,
            'limit', level.limit_value::text,
            'overridden', level.source = 'override',
            'history', coalesce(past.used, '[]'),
            'kept', (
              select sum(bought.unit_amount::numeric * bought.quantity)::text
              from billing.subscription_add_ons as bought
              where bought.workspace_id = level.workspace_id
                and bought.metric = level.metric
                and bought.subscription_id is null
                and bought.starts_at <= now()
                and (bought.ends_at is null or bought.ends_at > now())
            )
          )
          order by level.metric
        ),
        '[]'
      )
      from usage.current as level
      left join (
        select
          ended.metric,
          jsonb_agg(coalesce(ended.used, ended.peak)::text order by ended.period_start desc) as used
        from usage.history as ended
        where ended.workspace_id = p_workspace_id
          -- Six months are enough: the forecast weighs the last three periods.
          and ended.period_start > now() - interval '200 days'
        group by ended.metric
      ) as past
        on past.metric = level.metric
      where level.workspace_id = p_workspace_id
    ),
    'plans', (
      select coalesce(
        jsonb_agg(
          jsonb_build_object(
            'planId', plans.id,
            'name', plans.name,
            'rank', plans.rank,
            'priceCents', plans.price_cents,
            'priceOnRequest', plans.price_on_request,
            'limits', (
              select coalesce(jsonb_object_agg(plan_limits.metric, plan_limits.limit_value::text), '{}')
              from billing.plan_limits
              where plan_limits.plan_id = plans.id
            )
          )
          order by plans.rank
        ),
        '[]'
      )
      from billing.plans
      where plans.is_public
        and plans.id <> present.plan_id
    ),
    'addOns', (
      select coalesce(
        jsonb_agg(
          jsonb_build_object(
            'addOnId', add_ons.id,
            'name', add_ons.name,
            'metric', add_ons.metric,
            'amount', add_ons.amount::text,
            'priceCents', add_ons.price_cents
          )
          order by add_ons.id
        ),
        '[]'
      )
      from billing.add_ons
      where add_ons.is_public
    )
  )
  from public.workspaces
  cross join lateral (
    select
      present.period_start,
      present.period_end
    from usage.period(workspaces.id) as present
    limit 1
  ) as period
  cross join lateral (
    select billing.plan_of(workspaces.id) as plan_id
    offset 0
  ) as present
  where workspaces.id = p_workspace_id
$$;

comment on function usage.forecast(uuid) is 'Returns the data of a forecast as JSON, bigints as text: the present period and plan of a workspace, use, limit and past periods of each metric, and the public plans and add-ons. Null for an unknown workspace. The action suggestUpgrade reads it.';

revoke execute on function usage.forecast(uuid) from public;

-- hasura/sql/analytics/activity/roll_activity.sql
create or replace function analytics.roll_activity(p_until timestamptz, p_limit integer)
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  -- A caller whose clock runs ahead must not mark time to come as read.
  _until constant timestamptz := least(p_until, now());
  _from timestamptz;
  _taken integer;
  _workspace_ids uuid[];
  _hours timestamptz[];
begin
  -- One rollup at a time: of two that recount the same hour, the one that read first could write last.
  perform pg_advisory_xact_lock(hashtextextended('analytics.roll_activity', 0));

  -- A row becomes visible when its transaction ends, under the time at which it began: the last hour is read again.
  -- Further calls for the same moment find no row here and only work off the marks.
  select state.rolled_until - interval '1 hour'
  into _from
  from analytics.rollup_state as state
  where state.name = 'activity'
    and state.rolled_until < _until;
  insert into analytics.touched_hours (workspace_id, hour)
  select distinct activity.workspace_id, date_trunc('hour', activity.occurred_at, 'UTC')
  from analytics.activity
  where activity.kind <> 'event'
    and activity.occurred_at >= _from
    and activity.occurred_at < _until;
  update analytics.rollup_state as state
  set rolled_until = _until
  where state.name = 'activity'
    and state.rolled_until < _until;

  -- The counts below take a later snapshot than this statement, and events stored after it leave marks of their own.
  with taken as (
    delete from analytics.touched_hours as mark
    where mark.ctid = any (array(
      select touched.ctid
      from analytics.touched_hours as touched
      limit p_limit
    ))
    returning mark.workspace_id, mark.hour
  ),
  hours as (
    select distinct taken.workspace_id, taken.hour
    from taken
  )
  select (
      select count(*)::integer
      from taken
    ),
    array_agg(hours.workspace_id),
    array_agg(hours.hour)
  into _taken, _workspace_ids, _hours
  from hours;
  if _taken = 0 then
    return 0;
  end if;

  -- The locks keep these workspaces from being deleted meanwhile; hours of deleted ones drop out below.
  perform 1
  from public.workspaces as workspace
  where workspace.id = any (_workspace_ids)
  order by workspace.id
  for key share;

  delete from analytics.user_activity as counted
  using unnest(_workspace_ids, _hours) as due (workspace_id, hour)
  where counted.workspace_id = due.workspace_id
    and counted.hour = due.hour;
  insert into analytics.user_activity (
    workspace_id, user_id, hour, events, sessions, page_views, user_actions, features_used, searches, errors,
    messages_sent, files_uploaded
  )
  select
    due.workspace_id,
    activity.user_id,
    due.hour,
    count(*) filter (where activity.kind = 'event'),
    count(distinct activity.session_id),
    count(*) filter (where activity.category = 'page_view'),
    count(*) filter (where activity.category = 'user_action'),
    count(*) filter (where activity.category = 'feature_usage'),
    count(*) filter (where activity.category = 'search'),
    count(*) filter (where activity.category = 'error'),
    count(*) filter (where activity.kind = 'message'),
    count(*) filter (where activity.kind = 'file')
  from unnest(_workspace_ids, _hours) as due (workspace_id, hour)
  join public.workspaces as workspace
    on workspace.id = due.workspace_id
  -- The offset keeps the subquery apart: each hour reads one range of one month's index, where a join would read
  -- every month of the workspace.
  cross join lateral (
    select *
    from analytics.activity as given
    where given.workspace_id = due.workspace_id
      and given.occurred_at >= due.hour
      and given.occurred_at < due.hour + interval '1 hour'
      and given.user_id is not null
    offset 0
  ) as activity
  group by due.workspace_id, activity.user_id, due.hour;

  perform analytics.roll_application_activity(_workspace_ids, _hours);
  return _taken;
end
$$;

comment on function analytics.roll_activity(timestamptz, integer) is 'Takes at most p_limit marks from analytics.touched_hours, recounts their hours in analytics.user_activity and passes them to analytics.roll_application_activity. First marks the hours of other rows of analytics.activity since the last call, up to p_until. Returns the number of marks taken: fewer than p_limit means that none is left. The job analytics_roll_activity calls it; repeated, late and unordered calls give the same tables.';

revoke execute on function analytics.roll_activity(timestamptz, integer) from public;

-- hasura/sql/analytics/erasure/erase_person.sql
create or replace function analytics.erase_person()
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  _user_id uuid;
  _table_name text;
begin
  -- Skips a person whom a concurrent call is erasing.
  delete from analytics.erasures as erasure
  where erasure.user_id = (
    select next.user_id
    from analytics.erasures as next
    order by next.requested_at
    limit 1
    for update skip locked
  )
  returning erasure.user_id into _user_id;
  if _user_id is null then
    return 0;
  end if;
  with gone as (
    delete from analytics.events as event
    where event.user_id = _user_id
    returning event.workspace_id, event.occurred_at
  )
  insert into analytics.touched_hours (workspace_id, hour)
  select distinct gone.workspace_id, date_trunc('hour', gone.occurred_at, 'UTC')
  from gone;
  for _table_name in
    select retained.table_name
    from analytics.retained_tables as retained
    where retained.has_user_id
      and retained.table_name <> 'events'
    order by retained.table_name
  loop
    execute format('delete from analytics.%I where user_id = $1', _table_name)
    using _user_id;
  end loop;
  return 1;
end
$$;

comment on function analytics.erase_person() is 'Deletes the rows of the person who has waited longest in analytics.erasures from every table of analytics.retention that has a column user_id. Returns 1, or 0 when no erasure waits. Marks the hours of the deleted events, so that the next rollup recounts them; keeps the keys of the events, so that none of them is stored again. The job analytics_roll_activity calls it.';

revoke execute on function analytics.erase_person() from public;

-- hasura/sql/analytics/erasure/forget_workspaces.sql
create or replace function analytics.forget_workspaces()
returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  _table_name text;
begin
  for _table_name in
    select retained.table_name
    from analytics.retained_tables as retained
    where not retained.references_workspaces
    order by retained.table_name
  loop
    if tg_op = 'TRUNCATE' then
      execute format('truncate analytics.%I', _table_name);
    else
      execute format('delete from analytics.%I as kept using gone where kept.workspace_id = gone.id', _table_name);
    end if;
  end loop;
  return null;
end
$$;

comment on function analytics.forget_workspaces() is 'Trigger function: deletes the rows of deleted workspaces from the tables of analytics.retention that have no foreign key to public.workspaces. Leaves analytics.touched_hours alone: the rollup drops hours of workspaces that do not exist.';

revoke execute on function analytics.forget_workspaces() from public;

create or replace trigger analytics_forget_workspaces_delete
  after delete on public.workspaces
  referencing old table as gone
  for each statement execute function analytics.forget_workspaces();

create or replace trigger analytics_forget_workspaces_truncate
  after truncate on public.workspaces
  for each statement execute function analytics.forget_workspaces();

-- hasura/sql/analytics/erasure/request_erasures.sql
create or replace function analytics.request_erasures()
returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into analytics.erasures (user_id)
  select gone.id
  from gone
  on conflict do nothing;
  return null;
end
$$;

comment on function analytics.request_erasures() is 'Trigger function for the users table of the application: requests the erasure of deleted users. Attach it after delete for each statement, with the old table referenced as gone; the table has its key in a column id of type uuid.';

revoke execute on function analytics.request_erasures() from public;

-- hasura/sql/analytics/events/ensure_month.sql
create or replace function analytics.ensure_month(at timestamptz)
returns text
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  _from constant timestamptz := date_trunc('month', at, 'UTC');
  _until constant timestamptz := (date_trunc('month', at at time zone 'UTC') + interval '1 month') at time zone 'UTC';
  _name constant text := to_char(_from at time zone 'UTC', '"events_y"YYYY"m"MM');
begin
  if to_regclass('analytics_months.' || _name) is not null then
    return _name;
  end if;
  perform pg_advisory_xact_lock(hashtextextended('analytics.ensure_month', 0));
  -- The previous holder of the lock may have created it. A query sees that; to_regclass answers from a cache that may not.
  perform 1
  from pg_class as relation
  where relation.relnamespace = 'analytics_months'::regnamespace
    and relation.relname = _name;
  if found then
    return _name;
  end if;
  -- Created apart and then attached: "partition of" would lock out every reader and writer of events.
  execute format('create table analytics_months.%I (like analytics.events including defaults)', _name);
  execute format('alter table analytics.events attach partition analytics_months.%I for values from (%L) to (%L)', _name, _from, _until);
  return _name;
end
$$;

comment on function analytics.ensure_month(timestamptz) is 'Creates the partition of analytics.events for the UTC month of a moment unless it exists; returns its name. Insert into a new month in a later command. The job analytics_make_months and analytics.claim_events call it.';

revoke execute on function analytics.ensure_month(timestamptz) from public;

-- hasura/sql/analytics/events/claim_events.sql
create or replace function analytics.claim_events(
  p_workspace_ids uuid[],
  p_keys uuid[],
  p_occurred_at timestamptz[],
  out received_at text,
  out refused jsonb,
  out detail_tables jsonb
)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  _now constant timestamptz := now();
  _latest constant timestamptz := _now + interval '1 day';
  _earliest timestamptz;
  _known uuid[];
  _faults bigint;
begin
  received_at := _now::text;
  select _now - make_interval(days => retention.keep_days)
  into _earliest
  from analytics.retention
  where retention.table_name = 'events';

  select coalesce(jsonb_object_agg(detail.category, format('analytics.%I', detail.table_name)), '{}')
  into detail_tables
  from analytics.detail_tables as detail
  where to_regclass(format('analytics.%I', detail.table_name)) is not null;

  -- Instead of a foreign key, which would look up the workspace once for each event.
  select array_agg(locked.id)
  into _known
  from (
    select workspace.id
    from public.workspaces as workspace
    where workspace.id = any (array(select distinct given.id from unnest(p_workspace_ids) as given (id)))
    order by workspace.id
    for key share
  ) as locked;

  -- Hours by date_bin and months from these few hours: date_trunc with a time zone for each event costs a tenth of the claim.
  perform analytics.ensure_month(months.month)
  from (
    select distinct date_trunc('month', hours.hour, 'UTC') as month
    from (
      select distinct date_bin('1 hour', coalesce(given.at, _now), 'epoch') as hour
      from unnest(p_occurred_at) as given (at)
      where coalesce(given.at, _now) between _earliest and _latest
    ) as hours
  ) as months
  order by months.month;

  select count(*)
  into _faults
  from unnest(p_workspace_ids, p_occurred_at) as given (workspace_id, at)
  where (
    given.workspace_id = any (_known)
    and coalesce(given.at, _now) between _earliest and _latest
  ) is not true;

  if _faults = 0 then
    begin
      insert into analytics.event_keys (workspace_id, key)
      select given.workspace_id, given.key
      from unnest(p_workspace_ids, p_keys) as given (workspace_id, key)
      -- Two batches that share events claim their keys in the same order. The second attempt below keeps that order.
      order by given.workspace_id, given.key;

      insert into analytics.touched_hours (workspace_id, hour)
      select distinct given.workspace_id, date_bin('1 hour', coalesce(given.at, _now), 'epoch')
      from unnest(p_workspace_ids, p_occurred_at) as given (workspace_id, at);

      refused := '[]'::jsonb;
      return;
    exception
      when unique_violation then
        -- Some are stored already: the statement below finds out which.
        null;
    end;
  end if;

  with given as (
    select
      events.position,
      events.workspace_id,
      events.key,
      date_bin('1 hour', coalesce(events.at, _now), 'epoch') as hour,
      case
        when events.workspace_id = any (_known) is not true then 'workspace-forbidden'
        when coalesce(events.at, _now) not between _earliest and _latest then 'time-out-of-range'
      end as fault
    from unnest(p_workspace_ids, p_keys, p_occurred_at)
      with ordinality as events (workspace_id, key, at, position)
  ),
  claimed as (
    insert into analytics.event_keys (workspace_id, key)
    select given.workspace_id, given.key
    from given
    where given.fault is null
    -- Two batches that share events claim their keys in the same order.
    order by given.workspace_id, given.key
    on conflict do nothing
    returning event_keys.workspace_id, event_keys.key
  ),
  outcome as (
    select
      given.position,
      given.workspace_id,
      given.hour,
      coalesce(given.fault, case when claimed.key is null then 'duplicate' end) as fault
    from given
    left join claimed
      on claimed.workspace_id = given.workspace_id
      and claimed.key = given.key
  ),
  touched as (
    insert into analytics.touched_hours (workspace_id, hour)
    select distinct outcome.workspace_id, outcome.hour
    from outcome
    where outcome.fault is null
  )
  select coalesce(jsonb_agg(jsonb_build_array(outcome.position - 1, outcome.fault)) filter (where outcome.fault is not null), '[]')
  into refused
  from outcome;
end
$$;

comment on function analytics.claim_events(uuid[], uuid[], timestamptz[]) is 'First step of storing a batch of events: claims their keys for the transaction that then copies the rows. The arrays have the same length, and each key occurs once; a time of null is the present. received_at is the time of arrival; refused lists the events not to store as pairs of position (from 0) and reason: workspace-forbidden, time-out-of-range or duplicate; detail_tables names the table of each category that has one, quoted. Waits for a transaction that has claimed one of the keys and not ended.';

revoke execute on function analytics.claim_events(uuid[], uuid[], timestamptz[]) from public;

-- hasura/sql/analytics/retention/drop_months.sql
create or replace function analytics.drop_months(p_at timestamptz)
returns text[]
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  _before timestamptz;
  _dropped text[] := array[]::text[];
  _month record;
begin
  -- One call at a time: a delivery that comes twice would look for a month that the other one has just dropped.
  perform pg_advisory_xact_lock(hashtextextended('analytics.drop_months', 0));
  perform set_config('lock_timeout', '2s', true);
  -- A caller whose clock runs ahead drops nothing early.
  select least(p_at, now()) - make_interval(days => retention.keep_days)
  into _before
  from analytics.retention
  where retention.table_name = 'events';
  for _month in
    select
      part.relname as name,
      (regexp_match(pg_get_expr(part.relpartbound, part.oid), 'TO \(''([^'']+)''\)'))[1]::timestamptz as until
    from pg_inherits as inheritance
    join pg_class as part
      on part.oid = inheritance.inhrelid
    where inheritance.inhparent = 'analytics.events'::regclass
    order by part.relname
  loop
    continue when _month.until > _before;
    begin
      execute format('drop table analytics_months.%I', _month.name);
      _dropped := _dropped || _month.name::text;
    exception
      -- While it waits for its lock it blocks every reader and writer of events, so it gives up; the next run tries again.
      when lock_not_available then null;
    end;
  end loop;
  return _dropped;
end
$$;

comment on function analytics.drop_months(timestamptz) is 'Drops the partitions of analytics.events that ended longer before p_at than events are kept; returns their names. Waits at most 2 s for the lock of a month and leaves it to the next call otherwise. So an event is kept for its days and at most a month more. The job analytics_apply_retention calls it.';

revoke execute on function analytics.drop_months(timestamptz) from public;

-- hasura/sql/analytics/retention/prune.sql
create or replace function analytics.prune(p_table_name text, p_at timestamptz, p_limit integer)
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  _time_column text;
  _before timestamptz;
  _rows integer;
begin
  -- A caller whose clock runs ahead deletes nothing early.
  select retained.time_column, least(p_at, now()) - make_interval(days => retained.keep_days)
  into strict _time_column, _before
  from analytics.retained_tables as retained
  where retained.table_name = p_table_name;
  if p_table_name = 'events' then
    raise exception 'events go by whole months: analytics.drop_months';
  end if;
  -- The checker cannot see that this statement writes, and takes the routine for stable.
  -- @plpgsql_check_options: performance_warnings = off
  execute format(
    'delete from analytics.%I
     where ctid = any (array(
       select old.ctid
       from analytics.%I as old
       where old.%I < $1
       limit $2
       for update skip locked
     ))',
    p_table_name, p_table_name, _time_column
  )
  using _before, p_limit;
  get diagnostics _rows = row_count;
  return _rows;
end
$$;

comment on function analytics.prune(text, timestamptz, integer) is 'Deletes at most p_limit rows of a table of analytics.retained_tables that are older at p_at than the table keeps them. Returns the number deleted: fewer than p_limit means that none is left but rows that other transactions have locked. Raises no_data_found for any other table, and refuses events: analytics.drop_months drops their months. The job analytics_apply_retention calls it.';

revoke execute on function analytics.prune(text, timestamptz, integer) from public;

-- hasura/sql/analytics/retention/validate_retention.sql
create or replace function analytics.validate_retention()
returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if not exists (
    select
    from analytics.retained_tables as retained
    where retained.table_name = new.table_name
      and retained.has_workspace_id
      and retained.time_column is not null
  ) then
    raise exception 'table analytics.% with columns workspace_id and occurred_at or hour (timestamptz) does not exist', quote_ident(new.table_name)
      using errcode = 'check_violation', constraint = 'retention_table_name_known', table = 'retention', schema = 'analytics';
  end if;
  return null;
end
$$;

comment on function analytics.validate_retention() is 'Trigger function: raises check_violation unless analytics.retention names a table of schema analytics that has a workspace and a time. Otherwise the nightly job would fail on it.';

create or replace trigger retention_validate
  after insert or update of table_name on analytics.retention
  for each row execute function analytics.validate_retention();

-- hasura/sql/billing/limits/announce_all_limits.sql
create or replace function billing.announce_all_limits()
returns trigger
language plpgsql
as $$
begin
  perform pg_notify('hasura_usage_limits', '*');
  return null;
end
$$;

comment on function billing.announce_all_limits() is 'Notifies the channel hasura_usage_limits with *, at the commit: the limits of every workspace may have changed, so that caches drop them all. A plan or a truncate may concern any number of workspaces.';

create or replace trigger limit_overrides_announce_truncate
  after truncate on billing.limit_overrides
  for each statement
  execute function billing.announce_all_limits();

create or replace trigger plan_features_announce
  after insert or update or delete or truncate on billing.plan_features
  for each statement
  execute function billing.announce_all_limits();

create or replace trigger plan_limits_announce
  after insert or update or delete or truncate on billing.plan_limits
  for each statement
  execute function billing.announce_all_limits();

create or replace trigger plans_announce
  after insert or update or delete or truncate on billing.plans
  for each statement
  execute function billing.announce_all_limits();

create or replace trigger subscriptions_announce_truncate
  after truncate on billing.subscriptions
  for each statement
  execute function billing.announce_all_limits();

-- hasura/sql/billing/limits/announce_limits.sql
create or replace function billing.announce_limits()
returns trigger
language plpgsql
as $$
declare
  -- Above this, one notification that drops all limits costs every listener less.
  _maximum constant integer := 100;
  _workspaces uuid[];
begin
  case tg_op
    when 'INSERT' then
      select array_agg(distinct changed.workspace_id)
      into _workspaces
      from new_rows as changed;
    when 'DELETE' then
      select array_agg(distinct changed.workspace_id)
      into _workspaces
      from old_rows as changed;
    else
      select array_agg(distinct changed.workspace_id)
      into _workspaces
      from (
        select new_rows.workspace_id
        from new_rows
        union all
        select old_rows.workspace_id
        from old_rows
      ) as changed;
  end case;
  if cardinality(_workspaces) > _maximum then
    perform pg_notify('hasura_usage_limits', '*');
  else
    perform pg_notify('hasura_usage_limits', named.workspace_id::text)
    from unnest(_workspaces) as named (workspace_id);
  end if;
  return null;
end
$$;

comment on function billing.announce_limits() is 'Notifies the channel hasura_usage_limits with the id of each workspace whose limits changed, at the commit, so that caches drop them; with * above 100 workspaces.';

create or replace trigger limit_overrides_announce_delete
  after delete on billing.limit_overrides
  referencing old table as old_rows
  for each statement
  execute function billing.announce_limits();

create or replace trigger limit_overrides_announce_insert
  after insert on billing.limit_overrides
  referencing new table as new_rows
  for each statement
  execute function billing.announce_limits();

create or replace trigger limit_overrides_announce_update
  after update on billing.limit_overrides
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function billing.announce_limits();

create or replace trigger subscriptions_announce_delete
  after delete on billing.subscriptions
  referencing old table as old_rows
  for each statement
  execute function billing.announce_limits();

create or replace trigger subscriptions_announce_insert
  after insert on billing.subscriptions
  referencing new table as new_rows
  for each statement
  execute function billing.announce_limits();

create or replace trigger subscriptions_announce_update
  after update on billing.subscriptions
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function billing.announce_limits();

-- hasura/sql/billing/limits/refuse_leased_members.sql
create or replace function billing.refuse_leased_members()
returns trigger
language plpgsql
as $$
begin
  if exists (
    select
    from usage.metrics as metric
    join billing.member_limits as limited
      on limited.metric = metric.key
    where metric.leased
  ) then
    raise exception using
      errcode = 'check_violation',
      constraint = 'member_limits_not_leased',
      message = 'a leased metric cannot have limits of members: its units are taken before anybody uses them';
  end if;
  return null;
end
$$;

comment on function billing.refuse_leased_members() is 'Raises check_violation where a leased metric has a limit for members: a lease counts units before it is known which member uses them.';

create or replace trigger member_limits_refuse_leased
  after insert or update of metric on billing.member_limits
  for each statement
  execute function billing.refuse_leased_members();

create or replace trigger metrics_refuse_leased_members
  after insert or update of leased on usage.metrics
  for each statement
  execute function billing.refuse_leased_members();

-- hasura/sql/billing/periods/has_counted.sql
create or replace function billing.has_counted(p_workspace_id uuid)
returns boolean
language plpgsql
stable
as $$
begin
  return exists (
    select
    from usage.counters as counter
    where counter.workspace_id = p_workspace_id
      and counter.period_start > '-infinity'
  );
end
$$;

comment on function billing.has_counted(uuid) is 'Returns whether a workspace has a counter in any period, which an early new period would start again at zero. Gauges do not count: they have no period.';

-- hasura/sql/billing/periods/has_no_use.sql
create or replace function billing.has_no_use(p_workspace_id uuid)
returns boolean
language plpgsql
as $$
begin
  if billing.has_counted(p_workspace_id) then
    return false;
  end if;
  -- A first use that is not committed has a key share lock on the workspace. With this lock it has committed or rolled back.
  perform 1
  from public.workspaces as workspace
  where workspace.id = p_workspace_id
  for update;
  return not billing.has_counted(p_workspace_id);
end
$$;

comment on function billing.has_no_use(uuid) is 'Returns whether a workspace has counted nothing yet. If so, it has locked the workspace, so that no first use is counted before the transaction ends.';

-- hasura/sql/billing/periods/move_anchor.sql
create or replace function billing.move_anchor(
  p_workspace_id uuid,
  p_anchor_at timestamptz,
  p_old_zone text,
  p_new_zone text,
  p_at timestamptz
)
returns void
language plpgsql
as $$
declare
  _present record;
  _following record;
begin
  -- Without use there is no counter to reset early, so the new anchor is in force at once.
  if billing.has_no_use(p_workspace_id) then
    select
      period.period_start,
      period.period_end
    into _present
    from billing.anchored_period(p_anchor_at, p_new_zone, p_at) as period;
    delete from billing.period_anchors as anchor
    where anchor.workspace_id = p_workspace_id
      and anchor.valid_from >= _present.period_start;
    insert into billing.period_anchors (workspace_id, valid_from, anchor_at, time_zone)
    values (p_workspace_id, _present.period_start, p_anchor_at, p_new_zone);
    return;
  end if;

  -- The first move records the calendar months before it, which past periods keep.
  if not exists (
    select
    from billing.period_anchors as anchor
    where anchor.workspace_id = p_workspace_id
  ) then
    insert into billing.period_anchors (workspace_id, valid_from, anchor_at, time_zone)
    values (p_workspace_id, '-infinity', null, p_old_zone);
  end if;

  select
    period.period_start,
    period.period_end
  into _present
  from usage.period(p_workspace_id, greatest(p_at, now())) as period;
  select
    period.period_start,
    period.period_end
  into _following
  from billing.anchored_period(p_anchor_at, p_new_zone, _present.period_end) as period;

  delete from billing.period_anchors as anchor
  where anchor.workspace_id = p_workspace_id
    and anchor.valid_from >= _present.period_start;
  insert into billing.period_anchors (workspace_id, valid_from, anchor_at, time_zone, bridge_until)
  values (
    p_workspace_id,
    _present.period_start,
    p_anchor_at,
    p_new_zone,
    case
      when _following.period_start = _present.period_end then _present.period_end
      else _following.period_end
    end
  );
end
$$;

comment on function billing.move_anchor(uuid, timestamptz, text, text, timestamptz) is 'Puts another anchor or time zone in force for a workspace from a moment on; a null anchor is the calendar month. Where use is counted, the present period is prolonged to the first bound of the new periods at or after its end, so that no counter resets early.';

-- hasura/sql/billing/periods/apply_subscription_anchor.sql
create or replace function billing.apply_subscription_anchor()
returns trigger
language plpgsql
as $$
declare
  _changed billing.subscriptions[];
  _subscription billing.subscriptions;
  _zone text;
  _moment timestamptz;
  _governing billing.period_anchors;
begin
  if tg_op = 'INSERT' then
    _changed := array(
      select inserted::billing.subscriptions
      from new_rows as inserted
      where inserted.status in ('trialing', 'active', 'past_due')
      order by inserted.workspace_id, inserted.starts_at
    );
  else
    _changed := array(
      select updated::billing.subscriptions
      from new_rows as updated
      join old_rows as former
        on former.id = updated.id
      where updated.status in ('trialing', 'active', 'past_due')
        and (updated.anchor_at, updated.starts_at, updated.status)
          is distinct from (former.anchor_at, former.starts_at, former.status)
      order by updated.workspace_id, updated.starts_at
    );
  end if;

  foreach _subscription in array _changed loop
    -- The lock makes concurrent changes of one workspace run one after the other.
    select workspace.time_zone
    into _zone
    from public.workspaces as workspace
    where workspace.id = _subscription.workspace_id
    for no key update;

    _moment := _subscription.starts_at;
    if billing.has_counted(_subscription.workspace_id) then
      _moment := greatest(_moment, now());
    end if;
    select anchor.*
    into _governing
    from billing.period_anchors as anchor
    where anchor.workspace_id = _subscription.workspace_id
      and anchor.valid_from <= _moment
    order by anchor.valid_from desc
    limit 1;

    continue when _governing.anchor_at = _subscription.anchor_at;
    -- Without an anchor in force, one at the local start of a month changes nothing: both are the calendar month.
    continue when _governing.anchor_at is null
      and _subscription.anchor_at = date_trunc('month', _subscription.anchor_at at time zone _zone) at time zone _zone;
    perform billing.move_anchor(_subscription.workspace_id, _subscription.anchor_at, _zone, _zone, _moment);
  end loop;
  return null;
end
$$;

comment on function billing.apply_subscription_anchor() is 'Moves the periods of each workspace whose live subscription has a new anchor, start or status, in the order of workspaces. An anchor that is already in force moves nothing.';

create or replace trigger subscriptions_apply_anchor_insert
  after insert on billing.subscriptions
  referencing new table as new_rows
  for each statement
  execute function billing.apply_subscription_anchor();

create or replace trigger subscriptions_apply_anchor_update
  after update on billing.subscriptions
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function billing.apply_subscription_anchor();

-- hasura/sql/billing/periods/apply_time_zone.sql
create or replace function billing.apply_time_zone()
returns trigger
language plpgsql
as $$
declare
  _anchor_at timestamptz;
begin
  if billing.has_no_use(new.id) then
    update billing.period_anchors
    set time_zone = new.time_zone
    where workspace_id = new.id;
    return null;
  end if;
  select governing.anchor_at
  into _anchor_at
  from billing.period_anchors as governing
  where governing.workspace_id = new.id
    and governing.valid_from <= now()
  order by governing.valid_from desc
  limit 1;
  perform billing.move_anchor(new.id, _anchor_at, old.time_zone, new.time_zone, now());
  return null;
end
$$;

comment on function billing.apply_time_zone() is 'Moves the periods of a workspace to its new time zone: at once where nothing is counted, else after the present period.';

create or replace trigger workspaces_apply_time_zone
  after update of time_zone on public.workspaces
  for each row
  when (old.time_zone is distinct from new.time_zone)
  execute function billing.apply_time_zone();

-- hasura/sql/billing/subscriptions/prepare_add_on.sql
create or replace function billing.prepare_add_on()
returns trigger
language plpgsql
as $$
begin
  select
    add_on.metric,
    add_on.amount
  into new.metric, new.unit_amount
  from billing.add_ons as add_on
  where add_on.id = new.add_on_id;
  if not found then
    raise exception using
      errcode = 'foreign_key_violation',
      constraint = 'subscription_add_ons_add_on_id_fkey',
      message = format('there is no add-on %s', new.add_on_id);
  end if;
  return new;
end
$$;

comment on function billing.prepare_add_on() is 'Copies metric and amount of an add-on into the purchase, so that a later change of the catalogue does not change what was sold. Raises foreign_key_violation for an unknown add-on.';

create or replace trigger subscription_add_ons_prepare_insert
  before insert on billing.subscription_add_ons
  for each row
  execute function billing.prepare_add_on();

create or replace trigger subscription_add_ons_prepare_update
  before update on billing.subscription_add_ons
  for each row
  when (old.add_on_id is distinct from new.add_on_id)
  execute function billing.prepare_add_on();

-- hasura/sql/billing/subscriptions/prepare_grace.sql
create or replace function billing.prepare_grace()
returns trigger
language plpgsql
as $$
begin
  if new.status <> 'past_due' then
    new.past_due_until := null;
  elsif new.past_due_until is null then
    new.past_due_until := now() + make_interval(
      days => (
        select plan.past_due_grace_days
        from billing.plans as plan
        where plan.id = new.plan_id
      )
    );
  end if;
  return new;
end
$$;

comment on function billing.prepare_grace() is 'Sets past_due_until of a subscription that becomes past due to now plus the grace days of its plan, unless the writer gives a moment. Clears it for every other status.';

create or replace trigger subscriptions_prepare_grace
  before insert or update on billing.subscriptions
  for each row
  execute function billing.prepare_grace();

-- hasura/sql/billing/subscriptions/prepare_subscription.sql
create or replace function billing.prepare_subscription()
returns trigger
language plpgsql
as $$
begin
  if tg_op = 'INSERT' then
    new.starts_at := coalesce(new.starts_at, least(new.anchor_at, now()));
    new.anchor_at := coalesce(
      new.anchor_at,
      (
        select governing.anchor_at
        from billing.period_anchors as governing
        where governing.workspace_id = new.workspace_id
          and governing.valid_from <= new.starts_at
        order by governing.valid_from desc
        limit 1
      ),
      (
        select period.period_start
        from usage.period(new.workspace_id, new.starts_at) as period
      )
    );
    -- A subscription that has ended may still have a live status. Cancelling it frees the unique index for its successor.
    if new.status in ('trialing', 'active', 'past_due') then
      update billing.subscriptions as subscription
      set status = 'cancelled'
      where subscription.workspace_id = new.workspace_id
        and subscription.status in ('trialing', 'active', 'past_due')
        and subscription.ends_at <= now();
    end if;
  else
    new.updated_at := now();
  end if;
  -- Clients whose clocks have milliseconds send period bounds back, and these must compare equal.
  new.anchor_at := date_trunc('milliseconds', new.anchor_at);
  if new.status = 'cancelled' then
    new.ends_at := greatest(new.starts_at, least(coalesce(new.ends_at, now()), now()));
  end if;
  return new;
end
$$;

comment on function billing.prepare_subscription() is 'Fills in start and anchor of a new subscription, cancels a predecessor that has ended, cuts the anchor to milliseconds and ends a cancelled subscription at the latest now. The default anchor is the one in force, else the start of the present period, so that buying a plan moves no period.';

create or replace trigger subscriptions_prepare
  before insert or update on billing.subscriptions
  for each row
  execute function billing.prepare_subscription();

-- hasura/sql/billing/subscriptions/record_subscription.sql
create or replace function billing.record_subscription()
returns trigger
language plpgsql
as $$
declare
  _changed billing.subscriptions := coalesce(new, old);
begin
  insert into billing.subscription_history (
    subscription_id,
    workspace_id,
    operation,
    plan_id,
    status,
    anchor_at,
    starts_at,
    ends_at
  )
  select
    _changed.id,
    _changed.workspace_id,
    lower(tg_op),
    _changed.plan_id,
    _changed.status,
    _changed.anchor_at,
    _changed.starts_at,
    _changed.ends_at
  -- Deleting the workspace deletes its subscriptions by cascade, and its history has nothing left to refer to.
  where exists (
    select
    from public.workspaces as workspace
    where workspace.id = _changed.workspace_id
  );
  return null;
end
$$;

comment on function billing.record_subscription() is 'Appends the state of a changed subscription, or the last state of a deleted one, to billing.subscription_history.';

create or replace trigger subscriptions_record_history
  after insert or update or delete on billing.subscriptions
  for each row
  execute function billing.record_subscription();

-- hasura/sql/usage/alerts/bound_alert_rules.sql
create or replace function usage.bound_alert_rules()
returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if (
    select count(*)
    from usage.alert_rules
    where workspace_id = new.workspace_id
      and metric = new.metric
  ) > 20 then
    raise exception using
      errcode = 'check_violation',
      constraint = 'alert_rules_at_most_20',
      message = 'a workspace may have 20 alert rules for a metric';
  end if;
  return null;
end
$$;

comment on function usage.bound_alert_rules() is 'Refuses more than 20 rules of a workspace for one metric, because every rule is checked when an alert is due. Raises check_violation (23514) with the constraint alert_rules_at_most_20.';

revoke execute on function usage.bound_alert_rules() from public;

create or replace trigger alert_rules_bound
  after insert on usage.alert_rules
  for each row
  execute function usage.bound_alert_rules();

-- hasura/sql/usage/alerts/note_due_levels.sql
create or replace function usage.note_due_levels(p_at_most integer)
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  _due record;
  _is_gauge boolean;
  _start timestamptz;
  _used bigint;
  _noted integer := 0;
begin
  for _due in
    select oldest.workspace_id, oldest.metric, oldest.period_start
    from (
      select alert_level.workspace_id, alert_level.metric, alert_level.period_start
      from usage.alert_levels as alert_level
      where alert_level.valid_until <= now()
      order by alert_level.valid_until
      limit p_at_most
    ) as oldest
    order by oldest.workspace_id, oldest.metric
  loop
    _noted := _noted + 1;
    select metric.kind = 'gauge', period.period_start
    into _is_gauge, _start
    from usage.period(_due.workspace_id) as period
    left join usage.metrics as metric
      on metric.key = _due.metric;

    -- A counter begins its new period at zero, and its first use notes the level.
    if not _is_gauge and _start > _due.period_start then
      delete from usage.alert_levels
      where workspace_id = _due.workspace_id
        and metric = _due.metric
        and period_start = _due.period_start;
      continue;
    end if;
    if _is_gauge then
      _start := '-infinity';
    end if;

    -- Locks the counter before its level, in the order of every caller of usage.note_level, and reads the use only then. A
    -- workspace that is being deleted is left out.
    perform 1
    from public.workspaces
    where id = _due.workspace_id
    for key share skip locked;
    continue when not found;
    perform usage.lock_counter(_due.workspace_id, _due.metric, _start);
    select level.used
    into _used
    from usage.current as level
    where level.workspace_id = _due.workspace_id
      and level.metric = _due.metric;
    perform usage.note_level(_due.workspace_id, _due.metric, _start, coalesce(_used, 0));
  end loop;
  return _noted;
end
$$;

comment on function usage.note_due_levels(integer) is 'Writes the alerts that the clock calls for: levels whose limit or period has changed since they were noted, the oldest p_at_most of them. Returns how many it looked at. The job usage_note_alerts calls it; it may run at any time and several times at once.';

revoke execute on function usage.note_due_levels(integer) from public;

-- hasura/sql/usage/shards/void_all_headroom.sql
create or replace function usage.void_all_headroom(
  p_workspace_id uuid,
  p_metric text,
  p_period_start timestamptz,
  p_wait boolean
)
returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  update usage.counters as counter
  set
    headroom = 0,
    headroom_until = '-infinity',
    alert_due = '-infinity'
  where counter.workspace_id = p_workspace_id
    and counter.metric = p_metric
    and counter.period_start = p_period_start;
  perform usage.collect_busy_shards(p_workspace_id, p_metric, p_period_start, p_wait);
  return (
    select counter.used + counter.granted
    from usage.counters as counter
    where counter.workspace_id = p_workspace_id
      and counter.metric = p_metric
      and counter.period_start = p_period_start
  );
end
$$;

comment on function usage.void_all_headroom(uuid, text, timestamptz, boolean) is 'Locks the row of a counter, voids the headroom on it and on all its shards, and returns the use; null where there is no such counter. p_wait false raises HU002 instead of waiting for a shard in use. Called by usage.recall_headroom';

revoke execute on function usage.void_all_headroom(uuid, text, timestamptz, boolean) from public;

-- hasura/sql/usage/shards/recall_headroom.sql
create or replace function usage.recall_headroom(p_workspace_id uuid, p_metric text, p_period_start timestamptz)
returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _attempts constant integer := 7;
  _busy text;
begin
  -- Waiting for a shard with the row locked deadlocks with a transaction that holds the shard and comes for the row.
  -- Waiting for the row with shards locked deadlocks with one that holds the row and is short of their units. So each
  -- attempt ends with its locks before this waits for one shard.
  for _attempt in 1.._attempts loop
    begin
      return usage.void_all_headroom(p_workspace_id, p_metric, p_period_start, false);
    exception when sqlstate 'HU002' then
      get stacked diagnostics _busy = pg_exception_detail;
    end;
    if _attempt < _attempts then
      perform usage.await_shard(_busy::jsonb);
    end if;
  end loop;

  -- Writers that keep every shard busy would make this wait for ever. They have headroom, so they hardly ever come for the
  -- row: the shards may be locked before it.
  perform 1
  from usage.counter_shards as shard
  where shard.workspace_id = p_workspace_id
    and shard.metric = p_metric
    and shard.period_start = p_period_start
  order by shard.shard
  for no key update;
  return usage.void_all_headroom(p_workspace_id, p_metric, p_period_start, true);
end
$$;

comment on function usage.recall_headroom(uuid, text, timestamptz) is 'Voids the headroom of a counter and of all its shards, waiting for transactions that have used it, and returns the use; null where there is no such counter. Keeps the counter''s row locked until the transaction ends, so that later additions see what it changes. Called by usage.refresh_workspace_limits and usage.refresh_plan_limits when limits change, and by usage.reconcile';

revoke execute on function usage.recall_headroom(uuid, text, timestamptz) from public;

-- hasura/sql/usage/alerts/refresh_plan_limits.sql
create or replace function usage.refresh_plan_limits(p_metric text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _counter record;
  _granted bigint;
begin
  perform pg_advisory_xact_lock(hashtextextended('billing.plan_limits', 0));
  -- A plan may have any number of workspaces: each computes its level again with its next use.
  for _counter in
    select counter.workspace_id, counter.metric, counter.period_start, counter.granted
    from usage.counters as counter
    where (p_metric is null or counter.metric = p_metric)
      and (counter.alert_due > now() or counter.headroom_until > now() or counter.granted > 0)
      and (counter.period_start = '-infinity' or counter.period_start > now() - interval '400 days')
    order by counter.workspace_id, counter.metric, counter.period_start
  loop
    _granted := _counter.granted;
    if _granted = 0 then
      update usage.counters as counter
      set
        headroom = 0,
        headroom_until = '-infinity',
        alert_due = '-infinity'
      where counter.workspace_id = _counter.workspace_id
        and counter.metric = _counter.metric
        and counter.period_start = _counter.period_start
      returning counter.granted
      into _granted;
    end if;
    if _granted > 0 then
      perform usage.recall_headroom(_counter.workspace_id, _counter.metric, _counter.period_start);
    end if;
  end loop;
end
$$;

comment on function usage.refresh_plan_limits(text) is 'Takes back the headroom of every counter of a metric that a change of plan limits may concern; null for all metrics. usage.refresh_alerts calls it.';

revoke execute on function usage.refresh_plan_limits(text) from public;

-- hasura/sql/usage/alerts/refresh_workspace_limits.sql
create or replace function usage.refresh_workspace_limits(p_workspace_id uuid, p_metric text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _counter record;
  _level record;
begin
  -- Excludes usage.may_grant_headroom: a counter that another transaction is creating gets no headroom before this one ends.
  perform 1
  from public.workspaces as workspace
  where workspace.id = p_workspace_id
  for no key update;
  if not found then
    return;
  end if;

  for _counter in
    select counter.workspace_id, counter.metric, counter.period_start
    from usage.counters as counter
    where counter.workspace_id = p_workspace_id
      and (p_metric is null or counter.metric = p_metric)
      and (
        counter.headroom_until > now()
        or counter.granted > 0
        or counter.period_start in (
          '-infinity',
          (
            select period.period_start
            from usage.period(p_workspace_id) as period
          )
        )
      )
    order by counter.workspace_id, counter.metric, counter.period_start
  loop
    select *
    into _level
    from usage.note_level(
      _counter.workspace_id, _counter.metric, _counter.period_start,
      usage.recall_headroom(_counter.workspace_id, _counter.metric, _counter.period_start)
    );
    update usage.counters as counter
    set
      alert_at = _level.rise_at,
      fall_at = _level.fall_at,
      alert_due = (
        select bound.valid_until
        from billing.limit_of(_counter.workspace_id, _counter.metric) as bound
      )
    where counter.workspace_id = _counter.workspace_id
      and counter.metric = _counter.metric
      and counter.period_start = _counter.period_start;
  end loop;
end
$$;

comment on function usage.refresh_workspace_limits(uuid, text) is 'Takes back the headroom of the counters of a workspace, for one metric or with null for all, and writes the alerts that its changed limit calls for. usage.refresh_alerts calls it.';

revoke execute on function usage.refresh_workspace_limits(uuid, text) from public;

-- hasura/sql/usage/alerts/refresh_alerts.sql
create or replace function usage.refresh_alerts()
returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  _rows jsonb[];
  _change record;
begin
  case
    when tg_op = 'TRUNCATE' then
      _rows := array['{}'::jsonb];
    when tg_level = 'ROW' and tg_op = 'INSERT' then
      _rows := array[to_jsonb(new)];
    when tg_level = 'ROW' and tg_op = 'DELETE' then
      _rows := array[to_jsonb(old)];
    when tg_level = 'ROW' then
      _rows := array[to_jsonb(new), to_jsonb(old)];
    when tg_op = 'INSERT' then
      _rows := array(select to_jsonb(changed) from new_rows as changed);
    when tg_op = 'DELETE' then
      _rows := array(select to_jsonb(changed) from old_rows as changed);
    else
      _rows := array(
        select to_jsonb(changed)
        from new_rows as changed
        union all
        select to_jsonb(changed)
        from old_rows as changed
      );
  end case;

  for _change in
    with changed as (
      select distinct
        (changed_row.fields ->> 'workspace_id')::uuid as workspace_id,
        changed_row.fields ->> 'metric' as metric
      from unnest(_rows) as changed_row (fields)
    )
    -- A row without a workspace may concern all of them. Several such metrics take one walk through all counters.
    select
      null::uuid as workspace_id,
      case when count(*) = 1 then min(changed.metric) end as metric
    from changed
    where changed.workspace_id is null
    having count(*) > 0
    union all
    select changed.workspace_id, changed.metric
    from changed
    where changed.workspace_id is not null
    order by workspace_id, metric
  loop
    if _change.workspace_id is null then
      perform usage.refresh_plan_limits(_change.metric);
    else
      perform usage.refresh_workspace_limits(_change.workspace_id, _change.metric);
    end if;
  end loop;
  return null;
end
$$;

comment on function usage.refresh_alerts() is 'For tables that billing.limit_of reads: takes back headroom and writes the alerts of the workspace_id and metric of the changed rows; of all where a row has none. A trigger of a statement with the transition tables old_rows and new_rows, or of a row.';

revoke execute on function usage.refresh_alerts() from public;

create or replace trigger limit_overrides_refresh_alerts_delete
  after delete on billing.limit_overrides
  referencing old table as old_rows
  for each statement
  execute function usage.refresh_alerts();

create or replace trigger limit_overrides_refresh_alerts_insert
  after insert on billing.limit_overrides
  referencing new table as new_rows
  for each statement
  execute function usage.refresh_alerts();

create or replace trigger limit_overrides_refresh_alerts_truncate
  after truncate on billing.limit_overrides
  for each statement
  execute function usage.refresh_alerts();

create or replace trigger limit_overrides_refresh_alerts_update
  after update on billing.limit_overrides
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function usage.refresh_alerts();

create or replace trigger period_anchors_refresh_alerts_delete
  after delete on billing.period_anchors
  referencing old table as old_rows
  for each statement
  execute function usage.refresh_alerts();

create or replace trigger period_anchors_refresh_alerts_insert
  after insert on billing.period_anchors
  referencing new table as new_rows
  for each statement
  execute function usage.refresh_alerts();

create or replace trigger period_anchors_refresh_alerts_update
  after update on billing.period_anchors
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function usage.refresh_alerts();

create or replace trigger plan_graces_refresh_alerts_delete
  after delete on billing.plan_graces
  referencing old table as old_rows
  for each statement
  execute function usage.refresh_alerts();

create or replace trigger plan_graces_refresh_alerts_insert
  after insert on billing.plan_graces
  referencing new table as new_rows
  for each statement
  execute function usage.refresh_alerts();

create or replace trigger plan_graces_refresh_alerts_truncate
  after truncate on billing.plan_graces
  for each statement
  execute function usage.refresh_alerts();

create or replace trigger plan_graces_refresh_alerts_update
  after update on billing.plan_graces
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function usage.refresh_alerts();

create or replace trigger plan_limits_refresh_alerts_delete
  after delete on billing.plan_limits
  referencing old table as old_rows
  for each statement
  execute function usage.refresh_alerts();

create or replace trigger plan_limits_refresh_alerts_insert
  after insert on billing.plan_limits
  referencing new table as new_rows
  for each statement
  execute function usage.refresh_alerts();

create or replace trigger plan_limits_refresh_alerts_truncate
  after truncate on billing.plan_limits
  for each statement
  execute function usage.refresh_alerts();

create or replace trigger plan_limits_refresh_alerts_update
  after update on billing.plan_limits
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function usage.refresh_alerts();

create or replace trigger subscription_add_ons_refresh_alerts_delete
  after delete on billing.subscription_add_ons
  referencing old table as old_rows
  for each statement
  execute function usage.refresh_alerts();

create or replace trigger subscription_add_ons_refresh_alerts_insert
  after insert on billing.subscription_add_ons
  referencing new table as new_rows
  for each statement
  execute function usage.refresh_alerts();

create or replace trigger subscription_add_ons_refresh_alerts_truncate
  after truncate on billing.subscription_add_ons
  for each statement
  execute function usage.refresh_alerts();

create or replace trigger subscription_add_ons_refresh_alerts_update
  after update on billing.subscription_add_ons
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function usage.refresh_alerts();

create or replace trigger subscriptions_refresh_alerts_delete
  after delete on billing.subscriptions
  referencing old table as old_rows
  for each statement
  execute function usage.refresh_alerts();

create or replace trigger subscriptions_refresh_alerts_insert
  after insert on billing.subscriptions
  referencing new table as new_rows
  for each statement
  execute function usage.refresh_alerts();

create or replace trigger subscriptions_refresh_alerts_truncate
  after truncate on billing.subscriptions
  for each statement
  execute function usage.refresh_alerts();

create or replace trigger subscriptions_refresh_alerts_update
  after update on billing.subscriptions
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function usage.refresh_alerts();

create or replace trigger alert_rules_refresh_alerts_delete
  after delete on usage.alert_rules
  referencing old table as old_rows
  for each statement
  execute function usage.refresh_alerts();

create or replace trigger alert_rules_refresh_alerts_insert
  after insert on usage.alert_rules
  referencing new table as new_rows
  for each statement
  execute function usage.refresh_alerts();

create or replace trigger alert_rules_refresh_alerts_update
  after update on usage.alert_rules
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function usage.refresh_alerts();

-- hasura/sql/usage/alerts/refresh_time_zone.sql
create or replace function usage.refresh_time_zone()
returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform usage.refresh_workspace_limits(new.id, null);
  return null;
end
$$;

comment on function usage.refresh_time_zone() is 'Takes back the headroom of a workspace whose periods move with its time zone, and writes its alerts.';

revoke execute on function usage.refresh_time_zone() from public;

create or replace trigger workspaces_refresh_alerts
  after update of time_zone on public.workspaces
  for each row
  when (old.time_zone is distinct from new.time_zone)
  execute function usage.refresh_time_zone();

-- hasura/sql/usage/alerts/void_levels.sql
create or replace function usage.void_levels()
returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  _plans text[];
  _metrics text[];
begin
  if tg_op = 'DELETE' then
    select array_agg(changed.plan_id), array_agg(changed.metric)
    into _plans, _metrics
    from old_rows as changed;
  else
    select array_agg(changed.plan_id), array_agg(changed.metric)
    into _plans, _metrics
    from new_rows as changed;
  end if;

  with touched as (
    select alert_level.workspace_id, alert_level.metric
    from usage.alert_levels as alert_level
    where alert_level.metric = any (_metrics)
      and alert_level.valid_until > now()
      and exists (
        select
        from unnest(_plans, _metrics) as changed (plan_id, metric)
        where changed.metric = alert_level.metric
          and changed.plan_id = billing.plan_of(alert_level.workspace_id)
      )
    order by alert_level.workspace_id, alert_level.metric
    for no key update
  )
  update usage.alert_levels as alert_level
  set valid_until = '-infinity'
  from touched
  where alert_level.workspace_id = touched.workspace_id
    and alert_level.metric = touched.metric;
  return null;
end
$$;

comment on function usage.void_levels() is 'Marks the levels of a plan''s workspaces as due, so that the job usage_note_alerts notes them within a minute. A plan may have too many workspaces for the transaction that changes its limits.';

revoke execute on function usage.void_levels() from public;

create or replace trigger plan_limits_void_levels_delete
  after delete on billing.plan_limits
  referencing old table as old_rows
  for each statement
  execute function usage.void_levels();

create or replace trigger plan_limits_void_levels_insert
  after insert on billing.plan_limits
  referencing new table as new_rows
  for each statement
  execute function usage.void_levels();

create or replace trigger plan_limits_void_levels_update
  after update on billing.plan_limits
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function usage.void_levels();

-- hasura/sql/usage/api_calls/add_api_calls.sql
create or replace function usage.add_api_calls(p_batch_id uuid, p_calls jsonb)
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into usage.api_call_batches (id)
  values (p_batch_id)
  on conflict do nothing;
  if not found then
    return false;
  end if;

  -- The lock waits for a workspace that is being deleted; calls of a deleted one are left out.
  insert into usage.api_calls as api_call (
    workspace_id, hour, user_id, api_key_id, operation, role, protocol, status, code,
    count, refused, errors, latency_ms_sum, latency_ms_min, latency_ms_max, bytes_in, bytes_out
  )
  with called as materialized (
    select *
    from jsonb_to_recordset(p_calls) as call (
      workspace_id uuid,
      hour timestamptz,
      user_id uuid,
      api_key_id uuid,
      operation text,
      role text,
      protocol text,
      status integer,
      code text,
      count bigint,
      refused bigint,
      errors bigint,
      latency_ms_sum bigint,
      latency_ms_min integer,
      latency_ms_max integer,
      bytes_in bigint,
      bytes_out bigint
    )
  ),
  owned as materialized (
    select workspace.id
    from public.workspaces as workspace
    where workspace.id in (
      select called.workspace_id
      from called
    )
    order by workspace.id
    for key share
  )
  select
    called.workspace_id, called.hour, called.user_id, called.api_key_id, called.operation, called.role,
    called.protocol, called.status, called.code,
    sum(called.count), sum(called.refused), sum(called.errors), sum(called.latency_ms_sum),
    min(called.latency_ms_min), max(called.latency_ms_max), sum(called.bytes_in), sum(called.bytes_out)
  from called
  join owned
    on owned.id = called.workspace_id
  group by 1, 2, 3, 4, 5, 6, 7, 8, 9
  -- Gateways that write the same rows at the same time lock them in the same order.
  order by 1, 2, 3, 4, 5, 6, 7, 8, 9
  on conflict on constraint api_calls_one_per_hour
  do update set
    count = api_call.count + excluded.count,
    refused = api_call.refused + excluded.refused,
    errors = api_call.errors + excluded.errors,
    latency_ms_sum = api_call.latency_ms_sum + excluded.latency_ms_sum,
    latency_ms_min = least(api_call.latency_ms_min, excluded.latency_ms_min),
    latency_ms_max = greatest(api_call.latency_ms_max, excluded.latency_ms_max),
    bytes_in = api_call.bytes_in + excluded.bytes_in,
    bytes_out = api_call.bytes_out + excluded.bytes_out;
  return true;
end
$$;

comment on function usage.add_api_calls(uuid, jsonb) is 'Adds a batch of calls of a gateway to the hourly rollup: an array of objects with the columns of usage.api_calls. Returns false and adds nothing for a batch id that was written before, so a gateway may send a batch again.';

revoke execute on function usage.add_api_calls(uuid, jsonb) from public;

-- hasura/sql/usage/api_calls/announce_api_key.sql
create or replace function usage.announce_api_key()
returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform pg_notify('hasura_usage_access', 'key:' || old.id);
  return null;
end
$$;

comment on function usage.announce_api_key() is 'Notifies the channel hasura_usage_access of a changed or deleted key, key:<id>, so that gateways drop it from their caches.';

revoke execute on function usage.announce_api_key() from public;

create or replace trigger api_keys_announce
  after update of scopes, expires_at, revoked_at, workspace_id, hash or delete on usage.api_keys
  for each row
  execute function usage.announce_api_key();

-- hasura/sql/usage/api_calls/prune_api_calls.sql
create or replace function usage.prune_api_calls(p_before timestamptz, p_batches_before timestamptz)
returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  _hours bigint;
begin
  delete from usage.api_call_batches
  where created_at < p_batches_before;

  delete from usage.api_calls
  where hour < p_before;
  get diagnostics _hours = row_count;
  return _hours;
end
$$;

comment on function usage.prune_api_calls(timestamptz, timestamptz) is 'Deletes the rollup of hours before a moment, and the ids of batches written before another one, which no gateway sends again. Returns how many rows of the rollup. The job usage_prune_api_calls calls it.';

revoke execute on function usage.prune_api_calls(timestamptz, timestamptz) from public;

-- hasura/sql/usage/corrections/add_to_past.sql
create or replace function usage.add_to_past(p_counter usage.gate_counter, p_delta bigint)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _is_present constant boolean := now() < p_counter.period_end;
begin
  if p_delta = 0 then
    return;
  end if;
  if _is_present and p_delta > 0 then
    perform usage.add(p_counter.workspace_id, p_counter.metric, p_delta, false);
    return;
  end if;
  -- With alert_due in the past, the next addition computes the alert thresholds again.
  update usage.counters
  set used = used + p_delta,
    alert_due = '-infinity',
    updated_at = now()
  where workspace_id = p_counter.workspace_id
    and metric = p_counter.metric
    and period_start = p_counter.period_start;
  insert into usage.counter_log (workspace_id, metric, period_start, amount)
  values (p_counter.workspace_id, p_counter.metric, p_counter.period_start, p_delta);
  -- Alerts are about the present period only: nobody can act on one that is over.
  if _is_present then
    perform usage.note_level(p_counter.workspace_id, p_counter.metric, p_counter.period_start, p_counter.used + p_delta);
  end if;
end
$$;

comment on function usage.add_to_past(usage.gate_counter, bigint) is 'Adds an amount, which may be negative, to a counter that usage.open_past_counter has locked. In the present period it also writes the alerts and recoveries that follow. Called by usage.gate_late and usage.correct.';

revoke execute on function usage.add_to_past(usage.gate_counter, bigint) from public;

-- hasura/sql/usage/corrections/add_to_past_member.sql
create or replace function usage.add_to_past_member(p_member usage.gate_counter, p_delta bigint)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_member.member_id is null or p_delta = 0 then
    return;
  end if;
  update usage.member_counters
  set used = used + p_delta,
    updated_at = now()
  where workspace_id = p_member.workspace_id
    and metric = p_member.metric
    and period_start = p_member.period_start
    and member_id = p_member.member_id;
  insert into usage.member_counter_log (workspace_id, metric, period_start, member_id, amount)
  values (p_member.workspace_id, p_member.metric, p_member.period_start, p_member.member_id, p_delta);
end
$$;

comment on function usage.add_to_past_member(usage.gate_counter, bigint) is 'Adds an amount, which may be negative, to a counter that usage.open_past_member has locked; nothing where that is null. Called by usage.gate_late and usage.correct.';

revoke execute on function usage.add_to_past_member(usage.gate_counter, bigint) from public;

-- hasura/sql/usage/corrections/claim_correction.sql
create or replace function usage.claim_correction(
  p_workspace_id uuid,
  p_key text,
  p_op text,
  p_metric text,
  p_amount bigint,
  p_hash bytea,
  p_event_key text,
  p_note text
)
returns usage.gate_claim
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _claim usage.gate_claim;
begin
  -- The insert waits for a transaction that has claimed the same key.
  insert into usage.ledger as entry (workspace_id, idempotency_key, op, metric, amount, request_hash, corrects, note)
  values (p_workspace_id, p_key, p_op, p_metric, p_amount, p_hash, p_event_key, p_note)
  on conflict on constraint ledger_pkey do update
    set op = excluded.op,
      metric = excluded.metric,
      amount = excluded.amount,
      request_hash = excluded.request_hash,
      corrects = excluded.corrects,
      note = excluded.note,
      occurred_at = null,
      delta = null,
      allowed = null,
      answer = null,
      created_at = excluded.created_at
    where entry.created_at < now() - interval '34 days';

  -- A separate statement, because the insert does not see what the transaction that it waited for has committed.
  select
    ledger.answer is null,
    ledger.request_hash <> p_hash,
    case when ledger.request_hash = p_hash then ledger.answer end
  into _claim.is_owner, _claim.is_conflict, _claim.answer
  from usage.ledger
  where ledger.workspace_id = p_workspace_id
    and ledger.idempotency_key = p_key;
  return _claim;
end
$$;

comment on function usage.claim_correction(uuid, text, text, text, bigint, bytea, text, text) is 'Claims the idempotency key of a correction in usage.ledger, as usage.gate_claim_keys does for requests: returns the stored answer, a conflict where the key has other content, or is_owner. Waits for a transaction that has claimed the same key. A step of usage.correct.';

revoke execute on function usage.claim_correction(uuid, text, text, text, bigint, bytea, text, text) from public;

-- hasura/sql/usage/corrections/open_past_counter.sql
create or replace function usage.open_past_counter(p_workspace_id uuid, p_metric text, p_at timestamptz)
returns usage.gate_counter
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _counter usage.gate_counter;
  _late_hours integer;
  _is_present boolean;
begin
  -- The workspace before its counters, as deleting it locks them.
  perform 1
  from public.workspaces
  where workspaces.id = p_workspace_id
  for key share;

  select past.period_start, past.period_end, metrics.late_hours
  into _counter.period_start, _counter.period_end, _late_hours
  from usage.metrics
  cross join lateral usage.period(p_workspace_id, p_at) as past
  where metrics.key = p_metric;

  _counter.workspace_id := p_workspace_id;
  _counter.metric := p_metric;
  _counter.kind := 'counter';
  _counter.delta := 0;
  if now() >= _counter.period_end + make_interval(hours => _late_hours) then
    return _counter;
  end if;
  _is_present := now() < _counter.period_end;
  _counter.used := usage.lock_counter(p_workspace_id, p_metric, _counter.period_start);
  -- Reservations count against the present period; a past one has only what happened in it.
  _counter.reserved := case when _is_present then usage.reserved_amount(p_workspace_id, p_metric) else 0 end;

  select
    bound.limit_value,
    bound.included,
    bound.enforcement,
    bound.source,
    bound.cap_value - _counter.used - _counter.reserved
  into _counter.limit_value, _counter.included, _counter.enforcement, _counter.source, _counter.free
  from billing.limit_of(p_workspace_id, p_metric, case when _is_present then now() else p_at end) as bound;
  return _counter;
end
$$;

comment on function usage.open_past_counter(uuid, text, timestamptz) is 'Locks the workspace, then the counter of the period that the moment is in, and returns it with the limit of that moment. used is null where the period is closed, late_hours of the metric after its end: then nothing is locked but the workspace. Called by usage.gate_late and usage.correct.';

revoke execute on function usage.open_past_counter(uuid, text, timestamptz) from public;

-- hasura/sql/usage/corrections/open_past_member.sql
create or replace function usage.open_past_member(p_counter usage.gate_counter, p_member_id uuid, p_at timestamptz)
returns usage.gate_counter
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _is_present constant boolean := now() < p_counter.period_end;
  _member usage.gate_counter := p_counter;
begin
  if p_member_id is null or not exists (
    select
    from usage.member_meters
    where member_meters.workspace_id = p_counter.workspace_id
      and member_meters.metric = p_counter.metric
  ) then
    return null;
  end if;
  _member.member_id := p_member_id;
  _member.source := 'member-limit';
  _member.enforcement := 'hard';
  _member.included := true;

  -- Behind the counter of the workspace. Writes the row, as usage.gate_open_members does.
  insert into usage.member_counters as counter (workspace_id, metric, period_start, member_id, used)
  values (_member.workspace_id, _member.metric, _member.period_start, p_member_id, 0)
  on conflict on constraint member_counters_pkey do update
    set used = counter.used
  returning counter.used
  into _member.used;
  _member.reserved := case
    when _is_present then usage.member_reserved(_member.workspace_id, _member.metric, p_member_id)
    else 0
  end;
  _member.limit_value := (
    select bound.limit_value
    from billing.member_limit_of(
      _member.workspace_id, _member.metric, case when _is_present then now() else p_at end
    ) as bound
  );
  _member.free := _member.limit_value - _member.used - _member.reserved;
  return _member;
end
$$;

comment on function usage.open_past_member(usage.gate_counter, uuid, timestamptz) is 'Locks the counter of a member in the period of a counter that usage.open_past_counter has locked, and returns it with the limit of that moment. Null without a member, and where members are not counted. Called by usage.gate_late and usage.correct.';

revoke execute on function usage.open_past_member(usage.gate_counter, uuid, timestamptz) from public;

-- hasura/sql/usage/corrections/correct.sql
create or replace function usage.correct(request jsonb)
returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  _uuid_pattern constant text := '^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$';
  -- The largest integer that a JSON number keeps exactly.
  _max_amount constant bigint := 9007199254740991;
  _op constant text := request ->> 'op';
  _workspace_id constant uuid := case when request ->> 'workspaceId' ~ _uuid_pattern then (request ->> 'workspaceId')::uuid end;
  _event_key constant text := request ->> 'eventKey';
  _note constant text := request ->> 'note';
  _amount constant bigint := case
    when _op = 'void' then 0
    when request ->> 'amount' ~ '^[0-9]{1,16}$' then (request ->> 'amount')::bigint
  end;
  _key constant text := coalesce(request ->> 'idempotencyKey', gen_random_uuid()::text);
  _metric text;
  _event usage.ledger;
  _event_at timestamptz;
  _event_answer jsonb;
  _claim usage.gate_claim;
  _counter usage.gate_counter;
  _member usage.gate_counter;
  _before bigint;
  _delta bigint;
  _reason text;
  _answer jsonb;
begin
  if _op is null or _op not in ('amend', 'void') or _workspace_id is null or _amount is null
    or (_op = 'amend' and _amount not between 1 and _max_amount)
    or (_op = 'void' and request ->> 'amount' is not null)
    or coalesce(char_length(_event_key), 0) not between 1 and 255
    or coalesce(char_length(btrim(_note)), 0) not between 1 and 500
    or char_length(_key) not between 1 and 255
    or _key = _event_key
  then
    _reason := 'invalid-input';
  elsif not exists (select from public.workspaces where workspaces.id = _workspace_id) then
    _reason := 'workspace-forbidden';
  end if;

  if _reason is null then
    select *
    into _event
    from usage.ledger
    where ledger.workspace_id = _workspace_id
      and ledger.idempotency_key = _event_key
      and ledger.op in ('consume', 'commit')
      and ledger.allowed
      and ledger.created_at >= now() - interval '34 days';
    _event_at := coalesce(_event.occurred_at, _event.created_at);
    _metric := coalesce(_event.metric, request ->> 'metric');
    -- The request has to name the metric of an event with several items: they are corrected one by one.
    _event_answer := case
      when _event.metric is not null then _event.answer
      else (
        select item.value
        from jsonb_array_elements(_event.answer -> 'items') as item (value)
        where item.value ->> 'metric' = _metric
      )
    end;
    _before := (_event_answer ->> 'granted')::bigint;
    _reason := case
      when _before is null or (request ->> 'metric') <> _metric then 'event-not-found'
      when not exists (select from usage.metrics where key = _metric and feed = 'gate') then 'row-metered'
      when not exists (select from usage.metrics where key = _metric and kind = 'counter') then 'invalid-input'
    end;
  end if;

  if _reason is null then
    _claim := usage.claim_correction(
      _workspace_id, _key, _op, _metric, _amount,
      sha256(convert_to(concat_ws(chr(31), _op, _event_key, _metric, _amount, _note), 'UTF8')),
      _event_key, _note
    );
    if _claim.answer is not null then
      return _claim.answer;
    elsif _claim.is_conflict then
      _reason := 'idempotency-conflict';
    end if;
  end if;

  if _reason is null then
    _counter := usage.open_past_counter(_workspace_id, _metric, _event_at);
    if _counter.used is not null then
      -- The answer of the event names the member it counted for. It has none where members were not counted then.
      _member := usage.open_past_member(_counter, (_event_answer #>> '{member,memberId}')::uuid, _event_at);
    end if;
    -- Read under the counter's lock, which every correction of the event takes.
    select
      (_before + coalesce(sum(earlier.delta), 0))::bigint,
      case when bool_or(earlier.op = 'void') then 'event-voided' end
    into _before, _reason
    from usage.ledger as earlier
    where earlier.workspace_id = _workspace_id
      and earlier.corrects = _event_key
      and earlier.metric = _metric
      and earlier.allowed;
    _delta := _amount - _before;
    _reason := case
      when _counter.used is null then 'period-closed'
      when _reason is not null then _reason
      when _delta > 0 and (_delta > _counter.free or _delta > _member.free) then 'usage-limit-exceeded'
      -- An unlimited counter must not overflow bigint.
      when _delta > 9000000000000000000 - _counter.used - _counter.reserved then 'invalid-input'
    end;
    if _reason is null then
      perform usage.add_to_past(_counter, _delta);
      perform usage.add_to_past_member(_member, _delta);
      _counter.used := _counter.used + _delta;
    end if;
  end if;

  _answer := jsonb_build_object(
    'allowed', _reason is null,
    'reason', _reason,
    'metric', _metric,
    'eventKey', _event_key,
    'correctionKey', case when _claim.is_owner then _key end,
    'amountBefore', _before,
    'amount', case when _reason is null then _amount else _before end,
    'used', _counter.used,
    'limit', _counter.limit_value,
    'remaining', greatest(_counter.limit_value - _counter.used - _counter.reserved, case when _counter.limit_value is not null then 0 end),
    'periodStart', to_char(_counter.period_start at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
  );
  if _claim.is_owner then
    update usage.ledger
    set allowed = _reason is null,
      answer = _answer,
      delta = case when _reason is null then _delta end
    where workspace_id = _workspace_id
      and idempotency_key = _key;
  end if;
  return _answer;
end
$$;

comment on function usage.correct(jsonb) is 'Amends or voids a use that was recorded under an idempotency key: {op: amend|void, workspaceId, eventKey, metric, amount, note, idempotencyKey}. The row of the event in usage.ledger stays; the correction is a row of its own that points at it. Returns {allowed, reason, metric, eventKey, correctionKey, amountBefore, amount, used, limit, remaining, periodStart}. A denial is an answer. It trusts workspaceId: the actions amendUsage and voidUsage have checked it.';

revoke execute on function usage.correct(jsonb) from public;

-- hasura/sql/usage/gate/gate_admit.sql
create or replace function usage.gate_admit(p_line usage.gate_line, p_counter usage.gate_counter)
returns usage.gate_line
language plpgsql
stable
as $$
begin
  p_line.granted := p_line.amount;
  if not p_counter.included then
    p_line.reason := usage.not_included_reason(p_counter.workspace_id, p_counter.metric);
  elsif p_line.amount > p_counter.free then
    if p_line.is_partial and p_counter.free > 0 then
      p_line.granted := p_counter.free;
    else
      p_line.reason := 'usage-limit-exceeded';
    end if;
  -- An unlimited counter must not overflow bigint.
  elsif p_line.amount > 9000000000000000000 - p_counter.used - p_counter.reserved then
    p_line.reason := 'invalid-input';
  end if;
  return p_line;
end
$$;

comment on function usage.gate_admit(usage.gate_line, usage.gate_counter) is 'Decides a check, consume or reserve against the counter of its workspace. Returns the line with granted, and with reason where it is refused. Changes nothing. A step of usage.gate_many.';

revoke execute on function usage.gate_admit(usage.gate_line, usage.gate_counter) from public;

-- hasura/sql/usage/gate/gate_admit_member.sql
create or replace function usage.gate_admit_member(
  p_line usage.gate_line,
  p_counter usage.gate_counter,
  p_reservation usage.reservations
)
returns usage.gate_line
language plpgsql
immutable
as $$
begin
  case
    when p_line.op in ('check', 'consume', 'reserve') then
      if p_line.granted > p_counter.free then
        if p_line.is_partial and p_counter.free > 0 then
          p_line.granted := p_counter.free;
        else
          p_line.reason := 'usage-limit-exceeded';
        end if;
      end if;
    when p_line.op = 'commit' and p_line.feed = 'gate' then
      -- As in usage.gate_settle: within its period and its amount, a reservation already counts against the limit.
      if (p_line.granted > p_reservation.amount or p_reservation.period_start is distinct from p_counter.period_start)
        and p_line.granted > p_counter.free + p_reservation.amount
      then
        p_line.reason := 'usage-limit-exceeded';
      end if;
    else
      null;
  end case;
  if p_line.reason is not null then
    p_line.limited_by := 'member-limit';
  end if;
  return p_line;
end
$$;

comment on function usage.gate_admit_member(usage.gate_line, usage.gate_counter, usage.reservations) is 'Decides a line that the workspace allows against the counter of its member. Returns the line with granted, and with reason and limited_by where it is refused. Changes nothing. A step of usage.gate_many.';

revoke execute on function usage.gate_admit_member(usage.gate_line, usage.gate_counter, usage.reservations) from public;

-- hasura/sql/usage/gate/gate_claim_keys.sql
create or replace function usage.gate_claim_keys(p_lines usage.gate_line[])
returns usage.gate_claim[]
language plpgsql
as $$
declare
  _claims usage.gate_claim[];
begin
  -- A request that is malformed, or names something unknown, claims no key and stores nothing.
  _claims := array(
    select row(
      keyed.request_no,
      first_value(keyed.request_no) over (partition by keyed.workspace_id, keyed.key order by keyed.request_no),
      keyed.workspace_id,
      keyed.key,
      keyed.hash,
      false,
      false,
      null,
      keyed.op,
      keyed.metric,
      keyed.amount
    )::usage.gate_claim
    from (
      select
        line.request_no,
        line.workspace_id,
        line.key,
        sha256(convert_to(string_agg(line.content, chr(30) order by line.metric), 'UTF8')) as hash,
        min(line.op) as op,
        case when count(*) = 1 then min(line.metric) end as metric,
        case when count(*) = 1 then min(line.amount) end as amount
      from unnest(p_lines) as line
      where line.key is not null
        and line.op <> 'check'
      group by line.request_no, line.workspace_id, line.key
      having bool_and(line.reason is null)
    ) as keyed
    order by keyed.request_no
  );
  if cardinality(_claims) = 0 then
    return _claims;
  end if;

  -- In key order, so that two calls cannot deadlock. The insert waits for a transaction that has claimed the same key.
  insert into usage.ledger as entry (workspace_id, idempotency_key, op, metric, amount, request_hash)
  select claim.workspace_id, claim.key, claim.op, claim.metric, claim.amount, claim.hash
  from unnest(_claims) as claim
  where claim.first_request_no = claim.request_no
  order by claim.workspace_id, claim.key
  on conflict on constraint ledger_pkey do update
    set op = excluded.op,
      metric = excluded.metric,
      amount = excluded.amount,
      request_hash = excluded.request_hash,
      occurred_at = null,
      corrects = null,
      delta = null,
      note = null,
      allowed = null,
      answer = null,
      created_at = excluded.created_at
    where entry.created_at < now() - interval '34 days';

  -- A separate statement, because the insert does not see what the transaction that it waited for has committed.
  -- Only this transaction sees its own rows without an answer: such a key is claimed by this call.
  return array(
    select row(
      claim.request_no,
      claim.first_request_no,
      claim.workspace_id,
      claim.key,
      claim.hash,
      entry.answer is null and claim.first_request_no = claim.request_no,
      entry.request_hash <> claim.hash,
      case when entry.request_hash = claim.hash then entry.answer end,
      claim.op,
      claim.metric,
      claim.amount
    )::usage.gate_claim
    from unnest(_claims) as claim
    join usage.ledger as entry
      on entry.workspace_id = claim.workspace_id
      and entry.idempotency_key = claim.key
    order by claim.request_no
  );
end
$$;

comment on function usage.gate_claim_keys(usage.gate_line[]) is 'Claims the idempotency keys of a call in usage.ledger, in key order, and returns one claim for each request with a key: the stored answer, a conflict where the key has other content, or neither, in which case the call has to decide. Waits for a transaction that has claimed the same key. A step of usage.gate_many.';

revoke execute on function usage.gate_claim_keys(usage.gate_line[]) from public;

-- hasura/sql/usage/gate/gate_items.sql
create or replace function usage.gate_items(p_request jsonb)
returns jsonb
language plpgsql
immutable
as $$
declare
  _items constant jsonb := p_request -> 'items';
begin
  if _items is null
    or jsonb_typeof(_items) <> 'array'
    or p_request ->> 'op' not in ('check', 'consume', 'reserve')
    or jsonb_array_length(_items) not between 1 and 32
    or coalesce(p_request ->> 'metric', p_request ->> 'amount', p_request ->> 'reservationId') is not null
    -- Items are decided one by one: two of the same metric would not see each other.
    or (
      select count(distinct item.value ->> 'metric') < count(*)
      from jsonb_array_elements(_items) as item (value)
    )
  then
    return null;
  end if;
  return _items;
end
$$;

comment on function usage.gate_items(jsonb) is 'The items of a request for several metrics: 1 to 32, each of another metric. Null where the request has none, or has items that make it invalid. A step of usage.gate_many.';

revoke execute on function usage.gate_items(jsonb) from public;

-- hasura/sql/usage/gate/gate_parse.sql
create or replace function usage.gate_parse(p_requests jsonb)
returns usage.gate_line[]
language plpgsql
stable
as $$
declare
  _uuid_pattern constant text := '^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$';
  -- The largest integer that a JSON number keeps exactly.
  _max_amount constant bigint := 9007199254740991;
begin
  -- "offset 0" keeps the steps apart: merged into one query level, an expression would run once for each of its uses.
  -- The lookups are scalar subqueries, which stay index lookups for any number of requests that the planner expects.
  return array(
    select row(
      checked.request_no,
      checked.item_no,
      checked.op,
      checked.workspace_id,
      checked.metric,
      checked.feed,
      checked.amount,
      checked.is_partial,
      checked.ttl,
      checked.key,
      checked.reservation_id,
      -- What a repetition under the same idempotency key must have in common.
      concat_ws(
        chr(31),
        case when checked.item_no is null then checked.op else checked.op || '[]' end,
        coalesce(checked.reservation_id::text, checked.metric),
        checked.amount::text,
        case when checked.op in ('reserve', 'extend') then checked.ttl::text end,
        case when checked.is_partial then 'partial' end
      ),
      checked.reason,
      null,
      null,
      null,
      null,
      null,
      null,
      checked.member_id,
      null
    )::usage.gate_line
    from jsonb_array_elements(p_requests) with ordinality as element (value, request_no)
    cross join lateral (
      select
        element.value ->> 'op' as op,
        element.value ->> 'workspaceId' as workspace_id,
        element.value ->> 'ttlSeconds' as ttl,
        element.value ->> 'idempotencyKey' as key,
        element.value ->> 'reservationId' as reservation_id,
        element.value ->> 'partial' as partial,
        element.value ->> 'memberId' as member_id,
        nullif(element.value -> 'items', 'null') as given_items,
        case when element.value ? 'items' then usage.gate_items(element.value) end as items
      offset 0
    ) as request
    left join lateral jsonb_array_elements(request.items) with ordinality as item (value, item_no)
      on true
    cross join lateral (
      select
        coalesce(item.value, element.value) ->> 'metric' as metric,
        coalesce(item.value, element.value) ->> 'amount' as amount
      offset 0
    ) as wanted
    cross join lateral (
      select
        request.op in ('commit', 'release', 'extend') as is_settling,
        case when request.workspace_id ~ _uuid_pattern then request.workspace_id::uuid end as workspace_id,
        case when request.member_id ~ _uuid_pattern then request.member_id::uuid end as member_id,
        case
          when request.op in ('commit', 'release', 'extend') and request.reservation_id ~ _uuid_pattern
            then request.reservation_id::uuid
        end as reservation_id,
        case
          when wanted.amount ~ '^[0-9]{1,16}$' then wanted.amount::bigint
          when wanted.amount is null and request.op in ('check', 'consume', 'reserve') then 1
        end as amount,
        case
          when request.ttl ~ '^[0-9]{1,5}$' then request.ttl::integer
          when request.ttl is null then 300
        end as ttl
      offset 0
    ) as parsed
    cross join lateral (
      select
        (
          select workspaces.id
          from public.workspaces
          where workspaces.id = parsed.workspace_id
        ) is not null as is_workspace,
        case
          when not parsed.is_settling then wanted.metric
          else (
            select reservations.metric
            from usage.reservations
            where reservations.id = parsed.reservation_id
              and reservations.workspace_id = parsed.workspace_id
              -- The reservation of a lease is settled by its process alone.
              and reservations.lease_holder is null
          )
        end as metric,
        case
          when not parsed.is_settling then parsed.member_id
          -- A reservation belongs to the member that it was made for, not to the one that settles it.
          else (
            select reservations.member_id
            from usage.reservations
            where reservations.id = parsed.reservation_id
              and reservations.workspace_id = parsed.workspace_id
          )
        end as member_id
      offset 0
    ) as found
    cross join lateral (
      select
        element.request_no::integer as request_no,
        item.item_no::integer as item_no,
        request.op,
        parsed.workspace_id,
        coalesce(found.metric, wanted.metric) as metric,
        known.feed,
        parsed.amount,
        request.partial = 'true' as is_partial,
        parsed.ttl,
        request.key,
        parsed.reservation_id,
        found.member_id,
        case
          when request.op is null
            or request.op not in ('check', 'consume', 'reserve', 'commit', 'release', 'extend')
            or request.workspace_id is null
            or (request.given_items is not null and request.items is null)
            or (wanted.amount is not null and parsed.amount is null)
            or parsed.amount not between 1 and _max_amount
            or parsed.ttl is null
            or parsed.ttl not between 1 and 86400
            or char_length(request.key) not between 1 and 255
            or request.partial not in ('true', 'false')
            or (request.member_id is not null and parsed.member_id is null)
            or (request.partial = 'true' and (parsed.is_settling or request.items is not null))
            then 'invalid-input'
          when not found.is_workspace then 'workspace-forbidden'
          when parsed.is_settling and request.reservation_id is null then 'invalid-input'
          when parsed.is_settling and found.metric is null then 'reservation-not-found'
          when found.metric is null then 'invalid-input'
          when known.feed is null then 'unknown-metric'
          when request.op = 'consume' and known.feed = 'rows' then 'row-metered'
        end as reason
      from (
        select (
          select metrics.feed
          from usage.metrics
          where metrics.key = found.metric
        ) as feed
      ) as known
      offset 0
    ) as checked
    order by element.request_no, item.item_no
  );
end
$$;

comment on function usage.gate_parse(jsonb) is 'The requests as lines, one for each metric of a request, in their order and with defaults filled in. A line has a reason where it is refused without any lock: malformed, or naming an unknown workspace, metric or reservation. Reads only. The first step of usage.gate_many.';

revoke execute on function usage.gate_parse(jsonb) from public;

-- hasura/sql/usage/corrections/gate_late.sql
create or replace function usage.gate_late(p_request jsonb, p_at timestamptz)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _line usage.gate_line;
  _claim usage.gate_claim;
  _counter usage.gate_counter;
  _member usage.gate_counter;
  _answer jsonb;
begin
  -- The moment is no part of the content: a repetition may carry another one.
  _line := (usage.gate_parse(jsonb_build_array(p_request - 'occurredAt')))[1];
  if _line.reason is null and (
    _line.op <> 'consume'
    or _line.item_no is not null
    -- A gauge has no past use that could be added to.
    or not exists (select from usage.metrics where key = _line.metric and kind = 'counter')
  ) then
    _line.reason := 'invalid-input';
  end if;
  if _line.reason is null and _line.key is not null then
    _claim := (usage.gate_claim_keys(array[_line]))[1];
    if _claim.answer is not null then
      return _claim.answer;
    elsif _claim.is_conflict then
      _line.reason := 'idempotency-conflict';
    end if;
  end if;
  if _line.reason is not null then
    return usage.gate_answer(_line, null, null);
  end if;

  _counter := usage.open_past_counter(_line.workspace_id, _line.metric, p_at);
  if _counter.used is null then
    _line.reason := 'period-closed';
    _answer := usage.gate_answer(_line, null, null);
  else
    _line := usage.gate_admit(_line, _counter);
    _member := usage.open_past_member(_counter, _line.member_id, p_at);
    if _line.reason is null and _member.member_id is not null then
      _line := usage.gate_admit_member(_line, _member, null);
    end if;
    if _line.reason is null then
      perform usage.add_to_past(_counter, _line.granted);
      perform usage.add_to_past_member(_member, _line.granted);
      _counter.used := _counter.used + _line.granted;
      _member.used := _member.used + _line.granted;
      _member.free := _member.free - _line.granted;
    end if;
    -- Neither waiting nor another plan raises the limit of a period that is over.
    _answer := usage.gate_answer(_line, _counter, null)
      || case when _member.member_id is not null then usage.gate_member_answer(_line, _member) else '{}' end
      || '{"retryAfterSeconds": null, "upgrade": null, "addOn": null}'::jsonb;
  end if;
  if _claim.is_owner then
    update usage.ledger
    set allowed = _line.reason is null,
      answer = _answer,
      occurred_at = p_at
    where workspace_id = _claim.workspace_id
      and idempotency_key = _claim.key;
  end if;
  return _answer;
end
$$;

comment on function usage.gate_late(jsonb, timestamptz) is 'Decides a consume of an earlier period by the limit of its moment, and counts it there. Refused as period-closed later than late_hours of the metric after the end of the period. Returns the decision. A step of usage.gate_many, through usage.gate_dated.';

revoke execute on function usage.gate_late(jsonb, timestamptz) from public;

-- hasura/sql/usage/corrections/read_moment.sql
create or replace function usage.read_moment(p_text text)
returns timestamptz
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_text !~ '^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d(:?\d\d)?)$' then
    return null;
  end if;
  return p_text::timestamptz;
exception when data_exception then
  return null;
end
$$;

comment on function usage.read_moment(text) is 'The moment that a text in ISO 8601 with its offset names; null for any other text. Called by usage.gate_dated.';

revoke execute on function usage.read_moment(text) from public;

-- hasura/sql/usage/gate/gate_apply.sql
create or replace function usage.gate_apply(
  p_line usage.gate_line,
  p_counter usage.gate_counter,
  p_reservation usage.reservations
)
returns usage.gate_counter
language plpgsql
immutable
as $$
declare
  -- A commit of a metric that rows feed only ends its reservation: the rows count themselves.
  _used constant bigint := case
    when p_line.op = 'consume' or (p_line.op = 'commit' and p_line.feed = 'gate') then p_line.granted
    else 0
  end;
  _reserved constant bigint := case
    when p_line.op = 'reserve' then p_line.granted
    when p_line.op in ('commit', 'release') then -p_reservation.amount
    else 0
  end;
begin
  p_counter.used := p_counter.used + _used;
  p_counter.reserved := p_counter.reserved + _reserved;
  p_counter.free := p_counter.free - _used - _reserved;
  p_counter.delta := p_counter.delta + _used;
  return p_counter;
end
$$;

comment on function usage.gate_apply(usage.gate_line, usage.gate_counter, usage.reservations) is 'The counter after an allowed line; delta adds up what usage.gate_store has to write. Changes no row. A step of usage.gate_many.';

revoke execute on function usage.gate_apply(usage.gate_line, usage.gate_counter, usage.reservations) from public;

-- hasura/sql/usage/gate/gate_index.sql
create or replace function usage.gate_index(p_counters usage.gate_counter[], p_reservations usage.reservations[])
returns jsonb
language plpgsql
immutable
as $$
begin
  return (
    select jsonb_object_agg(place.key, place.ordinality)
    from (
      select concat_ws(' ', counter.workspace_id, counter.metric, counter.member_id) as key, counter.ordinality
      from unnest(p_counters) with ordinality as counter
      union all
      select reservation.id::text, reservation.ordinality
      from unnest(p_reservations) with ordinality as reservation
    ) as place
  );
end
$$;

comment on function usage.gate_index(usage.gate_counter[], usage.reservations[]) is 'Where each counter and reservation stands in its array, from 1: {"<workspace> <metric>": n, "<workspace> <metric> <member>": n, "<reservation>": n}. A step of usage.gate_many.';

revoke execute on function usage.gate_index(usage.gate_counter[], usage.reservations[]) from public;

-- hasura/sql/usage/gate/gate_lock_reservations.sql
create or replace function usage.gate_lock_reservations(p_lines usage.gate_line[])
returns usage.reservations[]
language plpgsql
as $$
declare
  _reservation usage.reservations;
  _reservations usage.reservations[] := '{}'::usage.reservations[];
begin
  for _reservation in
    select *
    from usage.reservations
    where reservations.id in (
      select line.reservation_id
      from unnest(p_lines) as line
      where line.reason is null
        and line.reservation_id is not null
    )
    order by reservations.id
    for update
  loop
    _reservations := _reservations || _reservation;
  end loop;
  return _reservations;
end
$$;

comment on function usage.gate_lock_reservations(usage.gate_line[]) is 'Locks the reservations that the lines settle, in the order of their ids, and returns them. The caller has locked their counters, as every call that settles a reservation does. A step of usage.gate_many.';

revoke execute on function usage.gate_lock_reservations(usage.gate_line[]) from public;

-- hasura/sql/usage/gate/gate_headroom.sql
create or replace function usage.gate_headroom(
  p_workspace_id uuid,
  p_metric text,
  p_amount bigint,
  p_wait boolean
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _period_start timestamptz;
begin
  select counter.period_start
  into _period_start
  from usage.counters as counter
  where counter.workspace_id = p_workspace_id
    and counter.metric = p_metric
    and counter.granted > 0
    and counter.period_start = (
      select present.period_start
      from usage.period(p_workspace_id) as present
    );
  if not found then
    return;
  end if;
  perform usage.headroom_below(
    p_workspace_id, p_metric, _period_start,
    coalesce(bound.cap_value, 9000000000000000000) - usage.reserved_amount(p_workspace_id, p_metric),
    coalesce(p_amount, 0),
    p_wait
  )
  from billing.limit_of(p_workspace_id, p_metric) as bound;
end
$$;

comment on function usage.gate_headroom(uuid, text, bigint, boolean) is 'Takes unused headroom back from the shards of a counter, as far as the amount needs it. The caller has locked the counter. With p_wait false it raises HU002 instead of waiting for a shard in use. A step of usage.gate_many.';

revoke execute on function usage.gate_headroom(uuid, text, bigint, boolean) from public;

-- hasura/sql/usage/gate/gate_lock.sql
create or replace function usage.gate_lock(p_workspace_id uuid, p_metric text, p_written boolean)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _is_counter boolean;
  _period_start timestamptz := '-infinity'::timestamptz;
begin
  -- Deleting a workspace locks the workspace before its counters, so this does too. Later inserts would take the same
  -- lock through their foreign keys, but after the counter.
  perform 1
  from public.workspaces
  where id = p_workspace_id
  for key share;

  select kind = 'counter'
  into _is_counter
  from usage.metrics
  where key = p_metric;
  -- As in usage.add, the first use in a period and a change of the anchor see each other.
  if _is_counter then
    select period.period_start
    into _period_start
    from usage.period(p_workspace_id) as period;
  end if;

  perform 1
  from usage.counters
  where workspace_id = p_workspace_id
    and metric = p_metric
    and period_start = _period_start
  for no key update;
  if found and not p_written then
    return;
  end if;

  -- A metric outside the plan is refused whatever its use is: it needs neither a lock nor a row.
  perform 1
  from billing.limit_of(p_workspace_id, p_metric) as bound
  where bound.included;
  if found then
    perform usage.lock_counter(p_workspace_id, p_metric, _period_start);
  end if;
end
$$;

comment on function usage.gate_lock(uuid, text, boolean) is 'Locks the counter of the present period, and its workspace before it. All decisions about a workspace and metric queue for this lock. With p_written true it also writes the row, as usage.lock_counter does: a decision that changes no counter, as a reserve, needs that to make writers with an older snapshot fail. Steps of usage.gate_many and usage.draw_lease call it.';

revoke execute on function usage.gate_lock(uuid, text, boolean) from public;

-- hasura/sql/usage/gate/gate_open_members.sql
create or replace function usage.gate_open_members(p_lines usage.gate_line[])
returns usage.gate_counter[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _counters usage.gate_counter[] := '{}'::usage.gate_counter[];
  _counter usage.gate_counter;
  _wanted record;
  _state text;
  _period_start timestamptz;
begin
  -- Behind the counters of the workspaces and in key order, as usage.add_to_members locks them.
  for _wanted in
    select
      line.workspace_id,
      line.metric,
      line.member_id,
      bool_or(line.op <> 'check') as is_locked
    from unnest(p_lines) as line
    where line.reason is null
      and line.member_id is not null
    group by line.workspace_id, line.metric, line.member_id
    order by line.workspace_id, line.metric, line.member_id
  loop
    if _wanted.is_locked then
      _state := usage.begin_members(_wanted.workspace_id, _wanted.metric);
    else
      -- A check does not begin to count members.
      _state := case
        when exists (
          select
          from usage.member_meters
          where member_meters.workspace_id = _wanted.workspace_id
            and member_meters.metric = _wanted.metric
        ) then 'on'
        when exists (
          select
          from billing.member_limit_of(_wanted.workspace_id, _wanted.metric)
        ) then 'to begin'
        else 'off'
      end;
    end if;
    continue when _state = 'off';

    select
      _wanted.workspace_id,
      metrics.key,
      metrics.kind,
      present.period_start,
      present.period_end,
      bound.limit_value,
      true,
      'hard',
      'member-limit',
      0::bigint,
      0::bigint,
      null::bigint,
      0::bigint,
      _wanted.member_id
    into _counter
    from usage.metrics
    cross join lateral usage.period(_wanted.workspace_id) as present
    left join lateral billing.member_limit_of(_wanted.workspace_id, _wanted.metric) as bound on true
    where metrics.key = _wanted.metric;
    _period_start := case _counter.kind when 'gauge' then '-infinity' else _counter.period_start end;

    if _wanted.is_locked then
      -- Writes the row, as usage.lock_counter does: a writer with an older snapshot fails instead of passing the limit.
      insert into usage.member_counters as counter (workspace_id, metric, period_start, member_id, used)
      values (_counter.workspace_id, _counter.metric, _period_start, _counter.member_id, 0)
      on conflict on constraint member_counters_pkey do update
        set used = counter.used
      returning counter.used
      into _counter.used;
    elsif _state = 'on' then
      _counter.used := coalesce(
        (
          select counter.used
          from usage.member_counters as counter
          where counter.workspace_id = _counter.workspace_id
            and counter.metric = _counter.metric
            and counter.period_start = _period_start
            and counter.member_id = _counter.member_id
        ),
        0
      );
    elsif _counter.kind = 'gauge' then
      _counter.used := coalesce(
        (
          select recount.amount
          from usage.recount_members(_counter.workspace_id, _counter.metric) as recount
          where recount.member_id = _counter.member_id
        ),
        0
      );
    end if;
    _counter.reserved := usage.member_reserved(_counter.workspace_id, _counter.metric, _counter.member_id);
    _counter.free := _counter.limit_value - _counter.used - _counter.reserved;
    _counters := _counters || _counter;
  end loop;
  return _counters;
end
$$;

comment on function usage.gate_open_members(usage.gate_line[]) is 'Locks the counters of the members that the lines name, in key order, and returns each with its limit and what is used, reserved and free. Leaves out workspaces whose members are not counted. A counter that is only checked is read without a lock. A step of usage.gate_many.';

revoke execute on function usage.gate_open_members(usage.gate_line[]) from public;

-- hasura/sql/usage/gate/gate_lock_counters.sql
create or replace function usage.gate_lock_counters(p_lines usage.gate_line[], p_wait boolean)
returns usage.gate_counter[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _counters usage.gate_counter[] := '{}'::usage.gate_counter[];
  _counter usage.gate_counter;
  _wanted record;
begin
  -- In key order. The lock comes first; a separate statement then reads what it protects, because a statement does not
  -- see what was committed while it waited.
  for _wanted in
    select
      line.workspace_id,
      line.metric,
      bool_or(line.op <> 'check') as is_locked,
      bool_or(line.op in ('reserve', 'extend')) as is_written,
      least(coalesce(sum(line.amount::numeric) filter (where line.op in ('consume', 'reserve')), 0), 9000000000000000000)::bigint as amount
    from unnest(p_lines) as line
    where line.reason is null
    group by line.workspace_id, line.metric
    order by line.workspace_id, line.metric
  loop
    if _wanted.is_locked then
      perform usage.gate_lock(_wanted.workspace_id, _wanted.metric, _wanted.is_written);
      perform usage.gate_headroom(_wanted.workspace_id, _wanted.metric, _wanted.amount, p_wait);
    end if;
    select
      _wanted.workspace_id,
      metrics.key,
      metrics.kind,
      present.period_start,
      present.period_end,
      bound.limit_value,
      bound.included,
      bound.enforcement,
      bound.source,
      coalesce(counters.used, 0),
      reserved.amount,
      bound.cap_value - coalesce(counters.used, 0) - reserved.amount
        - case when _wanted.is_locked then coalesce(counters.headroom, 0) else 0 end,
      0::bigint,
      null::uuid
    into _counter
    from usage.metrics
    cross join lateral usage.period(_wanted.workspace_id) as present
    cross join lateral billing.limit_of(_wanted.workspace_id, _wanted.metric) as bound
    cross join lateral (
      select usage.reserved_amount(_wanted.workspace_id, _wanted.metric) as amount
    ) as reserved
    left join usage.counter_totals as counters
      on counters.workspace_id = _wanted.workspace_id
      and counters.metric = metrics.key
      and counters.period_start = case metrics.kind when 'gauge' then '-infinity' else present.period_start end
    where metrics.key = _wanted.metric;
    _counters := _counters || _counter;
  end loop;
  return _counters || usage.gate_open_members(p_lines);
end
$$;

comment on function usage.gate_lock_counters(usage.gate_line[], boolean) is 'Locks the counters that the lines need, in key order, and returns each with its limit and what is used, reserved and free; behind them the counters of members. A counter that is only checked is read without a lock. With p_wait false it raises HU002 instead of waiting for a shard in use. A step of usage.gate_many.';

revoke execute on function usage.gate_lock_counters(usage.gate_line[], boolean) from public;

-- hasura/sql/usage/gate/gate_open_counters.sql
create or replace function usage.gate_open_counters(p_lines usage.gate_line[])
returns usage.gate_counter[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _busy text;
begin
  -- Only counters that rows feed are split into shards, and only a reserve needs their headroom. Every other call skips
  -- the subtransaction.
  perform 1
  from unnest(p_lines) as line
  where line.feed = 'rows'
    and line.op = 'reserve'
    and line.reason is null
  limit 1;
  if found then
    for _round in 1..usage.max_unlocked_waits() loop
      begin
        return usage.gate_lock_counters(p_lines, false);
      exception when sqlstate 'HU002' then
        -- The subtransaction has ended, and with it the locks on counters: wait for the shard without them.
        get stacked diagnostics _busy = pg_exception_detail;
      end;
      perform usage.await_shard(_busy::jsonb);
    end loop;
  end if;
  return usage.gate_lock_counters(p_lines, true);
end
$$;

comment on function usage.gate_open_counters(usage.gate_line[]) is 'Returns the counters of usage.gate_lock_counters. Waits for shards in use without a lock on any counter, usage.max_unlocked_waits() times; after that with them. A step of usage.gate_many.';

revoke execute on function usage.gate_open_counters(usage.gate_line[]) from public;

-- hasura/sql/usage/gate/gate_settle.sql
create or replace function usage.gate_settle(
  p_line usage.gate_line,
  p_counter usage.gate_counter,
  p_reservation usage.reservations
)
returns usage.gate_line
language plpgsql
stable
as $$
begin
  if p_reservation.id is null then
    p_line.reason := 'reservation-not-found';
  elsif (p_line.op = 'commit' and p_reservation.status = 'committed')
    or (p_line.op = 'release' and p_reservation.status = 'released')
  then
    if p_line.op = 'commit' and p_line.amount <> p_reservation.committed_amount then
      p_line.reason := 'idempotency-conflict';
    else
      p_line.first_answer := p_reservation.answer;
      p_line.granted := p_reservation.committed_amount;
    end if;
  elsif p_reservation.status in ('committed', 'released') then
    p_line.reason := 'reservation-not-found';
  -- By the wall clock under the counter's lock: a call that was given the units after the expiry had this lock before.
  elsif p_reservation.status = 'expired' or p_reservation.expires_at <= clock_timestamp() then
    p_line.reason := 'reservation-expired';
  elsif p_line.op = 'extend' then
    p_line.amount := p_reservation.amount;
    p_line.granted := p_reservation.amount;
    -- Never shorter: the caller of an earlier extend may rely on the time that it was given.
    p_line.expires_at := greatest(p_reservation.expires_at, clock_timestamp() + make_interval(secs => p_line.ttl));
  elsif p_line.op = 'release' then
    p_line.amount := p_reservation.amount;
    p_line.granted := 0;
  else
    p_line.amount := coalesce(p_line.amount, p_reservation.amount);
    p_line.granted := p_line.amount;
    if p_line.amount > p_reservation.amount
      and (p_line.feed = 'rows' or p_counter.enforcement is distinct from 'soft' or not p_counter.included)
    then
      p_line.reason := 'invalid-input';
    elsif p_line.feed = 'gate'
      -- Within its period and its amount, a reservation already counts against the limit.
      and (p_line.amount > p_reservation.amount or p_reservation.period_start is distinct from p_counter.period_start)
      and p_line.amount > p_counter.free + p_reservation.amount
    then
      p_line.reason := case
        when p_counter.included then 'usage-limit-exceeded'
        else usage.not_included_reason(p_counter.workspace_id, p_counter.metric)
      end;
    -- An unlimited counter must not overflow bigint.
    elsif p_line.amount > 9000000000000000000 - p_counter.used - p_counter.reserved then
      p_line.reason := 'invalid-input';
    end if;
  end if;
  return p_line;
end
$$;

comment on function usage.gate_settle(usage.gate_line, usage.gate_counter, usage.reservations) is 'Decides a commit, release or extend by the state of its reservation and, for a commit, the counter. Returns the line with granted, with first_answer where it repeats the settlement, or with reason where it is refused. Changes nothing. A step of usage.gate_many.';

revoke execute on function usage.gate_settle(usage.gate_line, usage.gate_counter, usage.reservations) from public;

-- hasura/sql/usage/gate/gate_store.sql
create or replace function usage.gate_store(
  p_lines usage.gate_line[],
  p_counters usage.gate_counter[],
  p_reservations usage.reservations[],
  p_claims usage.gate_claim[],
  p_answers jsonb[]
)
returns void
language plpgsql
as $$
declare
  _counter usage.gate_counter;
begin
  -- A granted reserve is the only one with a reservation_id.
  insert into usage.reservations (id, workspace_id, metric, amount, status, expires_at, period_start, member_id)
  select
    line.reservation_id,
    line.workspace_id,
    line.metric,
    line.granted,
    'held',
    line.expires_at,
    p_counters[line.counter_no].period_start,
    line.member_id
  from unnest(p_lines) as line
  where line.op = 'reserve'
    and line.reservation_id is not null;

  update usage.reservations
  set status = settled.status,
    committed_amount = settled.committed_amount,
    expires_at = settled.expires_at,
    answer = settled.answer
  from unnest(p_reservations) as settled
  where reservations.id = settled.id
    and (reservations.status, reservations.expires_at) is distinct from (settled.status, settled.expires_at);

  -- The counters of members stand behind those of the workspaces, in the order in which they are locked.
  foreach _counter in array p_counters loop
    if _counter.delta > 0 and _counter.member_id is not null then
      perform usage.add_to_members(
        array[_counter.workspace_id], array[_counter.metric], array[_counter.member_id], array[_counter.delta], false
      );
    elsif _counter.delta > 0 then
      perform usage.add(_counter.workspace_id, _counter.metric, _counter.delta, false);
    end if;
  end loop;

  update usage.ledger
  set allowed = (p_answers[claim.request_no] ->> 'allowed')::boolean,
    answer = p_answers[claim.request_no]
  from unnest(p_claims) as claim
  where claim.is_owner
    and ledger.workspace_id = claim.workspace_id
    and ledger.idempotency_key = claim.key;
end
$$;

comment on function usage.gate_store(usage.gate_line[], usage.gate_counter[], usage.reservations[], usage.gate_claim[], jsonb[]) is 'Writes what a call has decided: reservations and ledger with one statement each, counters with one addition each, which are not checked again. The last step of usage.gate_many.';

revoke execute on function usage.gate_store(usage.gate_line[], usage.gate_counter[], usage.reservations[], usage.gate_claim[], jsonb[]) from public;

-- hasura/sql/usage/gate/gate_many.sql
create or replace function usage.gate_many(requests jsonb)
returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
-- The planner expects arrays and tables of any size. For the few rows of a call, nested loops over indexes are fastest.
set enable_hashjoin = off
set enable_mergejoin = off
set enable_bitmapscan = off
set enable_seqscan = off
-- A switched-off plan without an alternative is priced so high that PostgreSQL would compile the query: 45 times slower.
set jit = off
as $$
declare
  _lines usage.gate_line[];
  _line usage.gate_line;
  _claims usage.gate_claim[] := '{}'::usage.gate_claim[];
  _claim usage.gate_claim;
  _next_claim integer := 1;
  _counters usage.gate_counter[];
  _reservations usage.reservations[];
  _reservation usage.reservations;
  _index jsonb;
  _request_no integer := 0;
  _first integer := 1;
  _last integer;
  _total integer;
  _is_refused boolean;
  _answer jsonb;
  _item_answers jsonb[];
  _answers jsonb[] := '{}'::jsonb[];
begin
  if requests is null or jsonb_typeof(requests) <> 'array' then
    raise exception using
      errcode = '22023',
      message = 'usage.gate_many takes an array of requests';
  end if;
  if jsonb_path_exists(requests, '$[*].occurredAt ? (@ != null)') then
    return usage.gate_dated(requests);
  end if;

  -- Parse: one line for each metric of each request.
  _lines := usage.gate_parse(requests);
  _total := cardinality(_lines);
  if _total = 0 then
    return '[]'::jsonb;
  end if;

  -- Claim the idempotency keys, and find the requests that are answered already.
  if exists (select from unnest(_lines) as line where line.key is not null) then
    _claims := usage.gate_claim_keys(_lines);
  end if;
  foreach _claim in array _claims loop
    _answers[_claim.request_no] := _claim.answer;
  end loop;

  -- Lock: counters behind keys, reservations behind counters.
  _counters := usage.gate_open_counters(array(
    select line
    from unnest(_lines) as line
    where line.reason is null
      and _answers[line.request_no] is null
  ));
  _reservations := usage.gate_lock_reservations(_lines);
  _index := usage.gate_index(_counters, _reservations);

  -- Decide in the order of the requests: each finds what those before it have left.
  while _first <= _total loop
    _request_no := _request_no + 1;
    _last := _first;
    while _last < _total and _lines[_last + 1].request_no = _request_no loop
      _last := _last + 1;
    end loop;

    _claim := null;
    if _claims[_next_claim].request_no = _request_no then
      _claim := _claims[_next_claim];
      _next_claim := _next_claim + 1;
      if _claim.answer is null and not _claim.is_conflict then
        -- The key may have got its answer earlier in this array.
        _answers[_request_no] := _answers[_claim.first_request_no];
      end if;
    end if;
    if _answers[_request_no] is not null then
      _first := _last + 1;
      continue;
    end if;

    -- Decide every line before changing anything: a request with items is allowed whole or not at all.
    _is_refused := false;
    for _no in _first.._last loop
      _line := _lines[_no];
      if _line.reason is null and _claim.is_conflict then
        _line.reason := 'idempotency-conflict';
      elsif _line.reason is null then
        _line.counter_no := (_index ->> (_line.workspace_id || ' ' || _line.metric))::integer;
        if _line.op in ('check', 'consume', 'reserve') then
          _line := usage.gate_admit(_line, _counters[_line.counter_no]);
        else
          _line.reservation_no := (_index ->> _line.reservation_id::text)::integer;
          _line := usage.gate_settle(_line, _counters[_line.counter_no], _reservations[_line.reservation_no]);
        end if;
        if _line.member_id is not null then
          _line.member_counter_no := (_index ->> concat_ws(' ', _line.workspace_id, _line.metric, _line.member_id))::integer;
          if _line.member_counter_no is not null and _line.reason is null and _line.first_answer is null then
            _line := usage.gate_admit_member(_line, _counters[_line.member_counter_no], _reservations[_line.reservation_no]);
          end if;
        end if;
      end if;
      _is_refused := _is_refused or _line.reason is not null;
      _lines[_no] := _line;
    end loop;

    -- Apply what is allowed to the counters and reservations in memory, and answer with the figures after it.
    _item_answers := '{}'::jsonb[];
    for _no in _first.._last loop
      _line := _lines[_no];
      _answer := _line.first_answer;
      if _answer is null then
        _reservation := _reservations[_line.reservation_no];
        if not _is_refused and _line.op <> 'check' then
          if _line.op = 'reserve' then
            _line.reservation_id := gen_random_uuid();
            _line.expires_at := clock_timestamp() + make_interval(secs => _line.ttl);
            _lines[_no] := _line;
          elsif _line.op = 'extend' then
            _reservation.expires_at := _line.expires_at;
          elsif _line.op in ('commit', 'release') then
            _reservation.status := case _line.op when 'commit' then 'committed' else 'released' end;
            _reservation.committed_amount := _line.granted;
          end if;
          _counters[_line.counter_no] := usage.gate_apply(_line, _counters[_line.counter_no], _reservation);
          if _line.member_counter_no is not null then
            _counters[_line.member_counter_no] := usage.gate_apply(_line, _counters[_line.member_counter_no], _reservation);
          end if;
        end if;

        _answer := usage.gate_answer(_line, _counters[_line.counter_no], _reservation);
        if _line.member_counter_no is not null then
          _answer := _answer || usage.gate_member_answer(_line, _counters[_line.member_counter_no]);
        end if;

        if _line.reservation_no is not null and not _is_refused then
          if _line.op <> 'extend' then
            _reservation.answer := _answer;
          end if;
          _reservations[_line.reservation_no] := _reservation;
        end if;
      end if;
      _item_answers := _item_answers || _answer;
    end loop;
    _answers[_request_no] := case
      when _lines[_first].item_no is null then _item_answers[1]
      else usage.gate_list_answer(_item_answers)
    end;
    _first := _last + 1;
  end loop;

  perform usage.gate_store(_lines, _counters, _reservations, _claims, _answers);
  return to_jsonb(_answers);
end
$$;

comment on function usage.gate_many(jsonb) is 'Decides an array of requests {op: check|consume|reserve|commit|release|extend, workspaceId, metric, amount, partial, items, idempotencyKey, ttlSeconds, reservationId, memberId, occurredAt} and counts what it allows, in one atomic step. Returns one decision for each, in the same order. A denial is an answer; 22023 is raised where requests is not an array. It trusts workspaceId and memberId: the caller has checked them.';

revoke execute on function usage.gate_many(jsonb) from public;

-- hasura/sql/usage/corrections/gate_dated.sql
create or replace function usage.gate_dated(p_requests jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _uuid_pattern constant text := '^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$';
  -- The clock of a sender may be ahead.
  _max_ahead constant interval := interval '5 minutes';
  _request jsonb;
  _at timestamptz;
  _period_start timestamptz;
  _present jsonb := '[]'::jsonb;
  _present_nos integer[] := '{}'::integer[];
  _late_nos integer[] := '{}'::integer[];
  _late_no integer;
  _present_answers jsonb;
  _answers jsonb[];
begin
  for _no in 1..jsonb_array_length(p_requests) loop
    _request := p_requests -> (_no - 1);
    _answers[_no] := null;
    if _request ->> 'occurredAt' is not null then
      _at := usage.read_moment(_request ->> 'occurredAt');
      if _at is null or _at > now() + _max_ahead then
        -- Without an operation it is refused as invalid-input.
        _request := _request || '{"op": null}';
      elsif _request ->> 'workspaceId' ~ _uuid_pattern then
        select present.period_start
        into _period_start
        from usage.period((_request ->> 'workspaceId')::uuid) as present;
        if _at < _period_start then
          _late_nos := _late_nos || _no;
          continue;
        end if;
      end if;
      _request := _request - 'occurredAt';
    end if;
    _present := _present || jsonb_build_array(_request);
    _present_nos := _present_nos || _no;
  end loop;

  _present_answers := usage.gate_many(_present);
  for _no in 1..cardinality(_present_nos) loop
    _answers[_present_nos[_no]] := _present_answers -> (_no - 1);
  end loop;
  foreach _late_no in array _late_nos loop
    _request := p_requests -> (_late_no - 1);
    _answers[_late_no] := usage.gate_late(_request, usage.read_moment(_request ->> 'occurredAt'));
  end loop;
  return to_jsonb(_answers);
end
$$;

comment on function usage.gate_dated(jsonb) is 'Answers an array of requests of which some have occurredAt. Requests of the present period go through usage.gate_many together, then the earlier ones through usage.gate_late one by one. Answers are in the order of the requests. A step of usage.gate_many.';

revoke execute on function usage.gate_dated(jsonb) from public;

-- hasura/sql/usage/gate/forget_decisions.sql
create or replace function usage.forget_decisions()
returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if tg_op = 'TRUNCATE' then
    delete from usage.ledger;
    delete from usage.api_calls;
  else
    delete from usage.ledger
    using gone
    where ledger.workspace_id = gone.id;
    delete from usage.api_calls
    using gone
    where api_calls.workspace_id = gone.id;
  end if;
  return null;
end
$$;

comment on function usage.forget_decisions() is 'Trigger function: deletes the rows that usage.ledger and usage.api_calls keep for deleted workspaces. These two tables have no foreign key that would cascade.';

revoke execute on function usage.forget_decisions() from public;

create or replace trigger usage_forget_decisions_delete
  after delete on public.workspaces
  referencing old table as gone
  for each statement
  execute function usage.forget_decisions();

create or replace trigger usage_forget_decisions_truncate
  after truncate on public.workspaces
  for each statement
  execute function usage.forget_decisions();

-- hasura/sql/usage/gate/gate.sql
create or replace function usage.gate(
  metric text default null,
  amount bigint default null,
  idempotency_key text default null,
  reservation_id uuid default null,
  workspace_id uuid default null,
  hasura_session json default null
)
returns setof usage.decisions
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  _session_workspace text;
  _session_user text;
  _trusted constant boolean := hasura_session is null or hasura_session ->> 'x-hasura-role' = 'admin';
  _workspace uuid;
  _answer jsonb;
begin
  -- An application may name its session variables otherwise.
  if hasura_session is not null then
    select
      max(hasura_session ->> setting.value) filter (where setting.key = 'tenant_claim'),
      max(hasura_session ->> setting.value) filter (where setting.key = 'user_claim')
    into _session_workspace, _session_user
    from usage.settings as setting;
  end if;
  if _trusted then
    _workspace := coalesce(gate.workspace_id, _session_workspace::uuid);
  elsif gate.workspace_id is null or gate.workspace_id::text = lower(_session_workspace) then
    _workspace := _session_workspace::uuid;
  end if;
  if _workspace is null then
    perform usage.refuse(jsonb_build_object(
      'allowed', false,
      'reason', 'workspace-forbidden',
      'code', 'workspace-forbidden',
      'message', 'the workspace is not open to this request'
    ));
  end if;

  _answer := usage.gate_many(jsonb_build_array(jsonb_build_object(
    'op', case when gate.reservation_id is null then 'consume' else 'commit' end,
    'workspaceId', _workspace,
    'metric', gate.metric,
    'amount', gate.amount,
    'idempotencyKey', gate.idempotency_key,
    'reservationId', gate.reservation_id,
    -- Only a uuid can be a member: an id of another form has no rows that count for it.
    'memberId', case
      when _session_user ~ '^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$'
        then _session_user
    end
  ))) -> 0;

  if not (_answer ->> 'allowed')::boolean then
    perform usage.refuse(_answer);
  end if;

  -- The commit above ended the hold under the counter's lock, which this transaction keeps: its units are open to the
  -- rows that follow in this transaction and to no other. What they leave is free for all at the commit.
  if gate.reservation_id is not null then
    perform set_config('usage.reservation_id', gate.reservation_id::text, true);
  end if;

  return query
  select
    gen_random_uuid(),
    _workspace,
    _answer ->> 'metric',
    true,
    (_answer ->> 'amount')::bigint,
    (_answer ->> 'used')::bigint,
    (_answer ->> 'reserved')::bigint,
    (_answer ->> 'limit')::bigint,
    (_answer ->> 'remaining')::bigint,
    (_answer ->> 'resetsAt')::timestamptz,
    (_answer ->> 'reservationId')::uuid,
    now();
end
$$;

comment on function usage.gate(text, bigint, text, uuid, uuid, json) is 'Uses an amount of a metric, or draws on a reservation, in the transaction of the mutations beside it. A denial raises 23U01.';

revoke execute on function usage.gate(text, bigint, text, uuid, uuid, json) from public;

-- hasura/sql/usage/leases/give_back_lease.sql
create or replace function usage.give_back_lease(
  p_workspace_id uuid,
  p_metric text,
  p_period_start timestamptz,
  p_amount bigint
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  update usage.counters
  set used = used - p_amount
  where workspace_id = p_workspace_id
    and metric = p_metric
    and period_start = p_period_start
    and used >= p_amount;
  if found then
    insert into usage.counter_log (workspace_id, metric, period_start, amount)
    values (p_workspace_id, p_metric, p_period_start, - p_amount);
  end if;
end
$$;

comment on function usage.give_back_lease(uuid, text, timestamptz, bigint) is 'Takes units that a lease counted and did not use off the counter of the period in which they were counted. Does nothing where the counter has fewer. A step of usage.draw_lease, which has locked the counter of the present period.';

revoke execute on function usage.give_back_lease(uuid, text, timestamptz, bigint) from public;

-- hasura/sql/usage/leases/set_lease_hold.sql
create or replace function usage.set_lease_hold(
  p_id uuid,
  p_workspace_id uuid,
  p_metric text,
  p_holder text,
  p_amount bigint,
  p_period_start timestamptz,
  p_ttl integer
)
returns uuid
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _id uuid;
begin
  if p_id is not null and p_amount > 0 then
    update usage.reservations
    set amount = p_amount,
      expires_at = clock_timestamp() + make_interval(secs => p_ttl),
      period_start = p_period_start
    where id = p_id;
    return p_id;
  elsif p_id is not null then
    update usage.reservations
    set status = 'released',
      committed_amount = 0
    where id = p_id;
  elsif p_amount > 0 then
    insert into usage.reservations (workspace_id, metric, amount, status, expires_at, period_start, lease_holder)
    values (
      p_workspace_id, p_metric, p_amount, 'held', clock_timestamp() + make_interval(secs => p_ttl), p_period_start, p_holder
    )
    returning id
    into _id;
  end if;
  return _id;
end
$$;

comment on function usage.set_lease_hold(uuid, uuid, text, text, bigint, timestamptz, integer) is 'Makes the reservation of a lease keep an amount for p_ttl seconds from now: creates it, renews it, or releases it for an amount of 0. Returns its id, null where there is none. A step of usage.draw_lease, which has locked the counter and the reservation.';

revoke execute on function usage.set_lease_hold(uuid, uuid, text, text, bigint, timestamptz, integer) from public;

-- hasura/sql/usage/leases/draw_lease.sql
create or replace function usage.draw_lease(request jsonb)
returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  _uuid_pattern constant text := '^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$';
  -- A lease gets at most an eighth of what is free, so that other processes find units too, up to the limit.
  _share constant integer := 8;
  _workspace_id constant uuid := case when request ->> 'workspaceId' ~ _uuid_pattern then (request ->> 'workspaceId')::uuid end;
  _metric constant text := request ->> 'metric';
  _holder constant text := left(request ->> 'holder', 200);
  _step constant bigint := coalesce((request ->> 'step')::bigint, 0);
  _wanted_hold constant bigint := coalesce((request ->> 'hold')::bigint, 0);
  _given_back constant bigint := coalesce((request ->> 'giveBack')::bigint, 0);
  _given_back_period constant timestamptz := (request ->> 'giveBackPeriodStart')::timestamptz;
  _ttl constant integer := coalesce((request ->> 'ttlSeconds')::integer, 30);
  _own usage.reservations;
  _figures record;
  _free bigint;
  _need bigint;
  _charged bigint := 0::bigint;
  _ahead bigint;
  _hold bigint;
  _hold_id uuid;
  _allowed boolean[] := '{}'::boolean[];
  _reason text;
begin
  if _holder is null or _step < 0 or _wanted_hold < 0 or _given_back < 0 or _ttl not between 1 and 3600
    or (_given_back > 0 and _given_back_period is null)
    or jsonb_typeof(coalesce(request -> 'needs', '[]')) <> 'array'
  then
    raise exception using
      errcode = '22023',
      message = 'a lease needs a holder, a time to live and amounts that are not negative';
  end if;
  -- Such a refusal draws nothing: the process sends the request to the gate, which answers it in full.
  _reason := case
    when not exists (select from usage.metrics where key = _metric and leased) then 'not-leased'
    when not exists (select from public.workspaces where id = _workspace_id) then 'workspace-forbidden'
  end;
  if _reason is not null then
    return jsonb_build_object(
      'reason', _reason, 'allowed', '[]'::jsonb, 'ahead', 0, 'hold', 0, 'leaseId', null, 'used', 0, 'reserved', 0,
      'limit', 0, 'periodStart', null, 'periodEnd', null, 'secondsLeft', 0
    );
  end if;

  perform usage.gate_lock(_workspace_id, _metric, true);
  if _given_back > 0 then
    perform usage.give_back_lease(_workspace_id, _metric, _given_back_period, _given_back);
  end if;

  -- By the wall clock under the counter's lock: nobody else can be given what a living reservation keeps.
  select *
  into _own
  from usage.reservations
  where id = case when request ->> 'leaseId' ~ _uuid_pattern then (request ->> 'leaseId')::uuid end
    and workspace_id = _workspace_id
    and metric = _metric
    and lease_holder = _holder
    and status = 'held'
    and expires_at > clock_timestamp()
  for update;

  select
    period.period_start,
    period.period_end,
    bound.limit_value,
    bound.included,
    bound.cap_value,
    coalesce(counters.used, 0) as used,
    usage.reserved_amount(_workspace_id, _metric) as reserved
  into _figures
  from (select 1) as one
  cross join lateral (
    select present.period_start, present.period_end
    from usage.period(_workspace_id) as present
    limit 1
  ) as period
  cross join lateral (
    select applying.limit_value, applying.included, applying.cap_value
    from billing.limit_of(_workspace_id, _metric) as applying
    limit 1
  ) as bound
  left join usage.counters
    on counters.workspace_id = _workspace_id
    and counters.metric = _metric
    and counters.period_start = period.period_start;

  _free := case
    when not _figures.included then 0
    when _figures.cap_value is not null
      then greatest(_figures.cap_value - _figures.used - _figures.reserved + coalesce(_own.amount, 0), 0)
    -- Without a limit: half of bigint, so that no sum overflows.
    else 4611686018427387904 - _figures.used - _figures.reserved
  end;

  -- The requests that wait for this draw, in their order. One that does not fit does not stop a smaller one behind it.
  for _need in
    select value::bigint
    from jsonb_array_elements_text(coalesce(request -> 'needs', '[]')) with ordinality as need (value, need_no)
    order by need_no
  loop
    if _need > 0 and _need <= _free - _charged then
      _charged := _charged + _need;
      _allowed := _allowed || true;
    else
      _allowed := _allowed || false;
      _reason := case
        when _need <= 0 then 'invalid-input'
        when _figures.included then 'usage-limit-exceeded'
        else usage.not_included_reason(_workspace_id, _metric)
      end;
    end if;
  end loop;

  _ahead := least(_step, (_free - _charged) / _share);
  _hold := least(_wanted_hold, (_free - _charged - _ahead) / _share);
  if _charged + _ahead > 0 then
    perform usage.add(_workspace_id, _metric, _charged + _ahead, false);
  end if;
  _hold_id := usage.set_lease_hold(_own.id, _workspace_id, _metric, _holder, _hold, _figures.period_start, _ttl);

  return jsonb_build_object(
    'reason', _reason,
    'allowed', to_jsonb(_allowed),
    'ahead', _ahead,
    'hold', _hold,
    'leaseId', _hold_id,
    'used', _figures.used + _charged + _ahead,
    'reserved', usage.reserved_amount(_workspace_id, _metric),
    'limit', _figures.limit_value,
    'periodStart', _figures.period_start,
    'periodEnd', to_char(_figures.period_end at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
    'secondsLeft', extract(epoch from _figures.period_end - clock_timestamp())
  );
end
$$;

comment on function usage.draw_lease(jsonb) is 'Draws units of a leased metric for a process: {workspaceId, metric, holder, leaseId, needs: [amount], step, hold, giveBack, giveBackPeriodStart, ttlSeconds}. Counts needs and a step of further units at once, reserves up to hold for ttlSeconds (1 to 3,600, default 30) and takes unused units back. Returns which needs are allowed, ahead (further units counted), hold, leaseId and the figures after it. A denial is an answer; 22023 is raised for a missing holder or an amount out of range. src/domain/lease calls it.';

revoke execute on function usage.draw_lease(jsonb) from public;

-- hasura/sql/usage/members/begin_limited_members.sql
create or replace function usage.begin_limited_members()
returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform usage.begin_members(new.workspace_id, new.metric)
  from usage.metrics as metric
  where metric.key = new.metric;
  return null;
end
$$;

comment on function usage.begin_limited_members() is 'Starts to count the members of a workspace in the transaction that limits them. A plan has any number of workspaces: under its limit each starts with its next use';

revoke execute on function usage.begin_limited_members() from public;

create or replace trigger member_limits_begin_members
  after insert or update on billing.member_limits
  for each row
  when (new.workspace_id is not null)
  execute function usage.begin_limited_members();

-- hasura/sql/usage/reconciliation/reconcile.sql
create or replace function usage.reconcile(p_workspace_id uuid default null, p_repair boolean default true)
returns setof usage.reconciliations
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _gauges text := '';
  _filter text := '';
  _meter record;
  _workspace_id uuid;
  _metric text;
  _period_start timestamptz;
  _counted bigint;
  _recounted bigint;
  _reconciliation usage.reconciliations;
begin
  -- Without this lock two repairs of one drift would both add the difference.
  perform pg_advisory_xact_lock(hashtextextended('usage.reconcile', 0));

  -- Locks the workspace before its log, in the order of its deletion. Skips a workspace that is being deleted.
  with living as (
    select workspace.id
    from public.workspaces as workspace
    where (p_workspace_id is null or workspace.id = p_workspace_id)
      and exists (
        select
        from usage.counter_log as addition
        where addition.workspace_id = workspace.id
      )
    for key share skip locked
  ),
  merged as (
    delete from usage.counter_log as addition
    using living
    where addition.workspace_id = living.id
    returning
      addition.workspace_id,
      addition.metric,
      addition.period_start,
      addition.amount
  )
  insert into usage.counter_log_totals as total (workspace_id, metric, period_start, amount)
  select
    merged.workspace_id,
    merged.metric,
    merged.period_start,
    sum(merged.amount)::bigint
  from merged
  group by merged.workspace_id, merged.metric, merged.period_start
  order by merged.workspace_id, merged.metric, merged.period_start
  on conflict on constraint counter_log_totals_pkey do update
    set amount = total.amount + excluded.amount;

  for _meter in
    select
      meter as definition,
      meter.relation
    from usage.meters as meter
    join usage.metrics as metric
      on metric.key = meter.metric
      and metric.kind = 'gauge'
    join pg_class as class
      on class.oid = meter.relation
    order by meter.metric, meter.relation
  loop
    if p_workspace_id is not null then
      _filter := format(E'\n and ((%s\n)) = $1', (_meter.definition).workspace_expression);
    end if;
    _gauges := _gauges
      || usage.meter_branch(_meter.definition, _meter.relation::text, 1)
      || _filter
      || E'\n union all ';
  end loop;

  -- One statement is one snapshot, and a commit makes rows and counters visible together: a difference is a drift, never
  -- a write in between, and no writer waits. The repair adds the difference instead of storing the recount, so that
  -- additions that commit after the snapshot stay counted.
  for _workspace_id, _metric, _period_start, _counted, _recounted in execute format(
    $query$
    with recount as (
      select
        live.workspace_id,
        live.metric,
        '-infinity'::timestamptz as period_start,
        sum(live.amount)::bigint as amount
      from (
        %s
        select
          null::uuid as workspace_id,
          null::text as metric,
          null::bigint as amount,
          null::boolean as refused
        where false
      ) as live
      group by live.workspace_id, live.metric
      union all
      select
        logged.workspace_id,
        logged.metric,
        logged.period_start,
        logged.amount
      from usage.counter_recounts as logged
      where $1 is null
        or logged.workspace_id = $1
    ),
    counted as (
      select
        counter.workspace_id,
        counter.metric,
        counter.period_start,
        counter.used
      from usage.counter_totals as counter
      join usage.metrics as metric
        on metric.key = counter.metric
      where ($1 is null or counter.workspace_id = $1)
        and (metric.kind = 'counter' or metric.feed = 'rows')
    )
    select
      compared.workspace_id,
      compared.metric,
      compared.period_start,
      compared.counted,
      compared.recounted
    from (
      select
        coalesce(counted.workspace_id, recount.workspace_id) as workspace_id,
        coalesce(counted.metric, recount.metric) as metric,
        coalesce(counted.period_start, recount.period_start) as period_start,
        coalesce(counted.used, 0) as counted,
        coalesce(recount.amount, 0) as recounted
      from counted
      full join recount
        on recount.workspace_id = counted.workspace_id
        and recount.metric = counted.metric
        and recount.period_start = counted.period_start
    ) as compared
    join public.workspaces as workspace
      on workspace.id = compared.workspace_id
    where compared.counted <> compared.recounted
    order by compared.workspace_id, compared.metric, compared.period_start
    $query$,
    _gauges
  )
  using p_workspace_id
  loop
    perform 1
    from public.workspaces as workspace
    where workspace.id = _workspace_id
    for key share skip locked;
    continue when not found;
    if p_repair then
      perform usage.recall_headroom(_workspace_id, _metric, _period_start);
      insert into usage.counters as counter (workspace_id, metric, period_start, used)
      values (_workspace_id, _metric, _period_start, _recounted - _counted)
      on conflict on constraint counters_pkey do update
        set
          used = counter.used + excluded.used,
          updated_at = now(),
          alert_due = '-infinity';
      -- A lower level may end an alert. A higher one is noted by the next addition, because alert_due has passed.
      if _recounted < _counted then
        perform usage.note_level(_workspace_id, _metric, _period_start, _recounted);
      end if;
    end if;
    insert into usage.reconciliations (workspace_id, metric, period_start, counted, recounted, drift, repaired)
    values (_workspace_id, _metric, _period_start, _counted, _recounted, _counted - _recounted, p_repair)
    returning *
    into _reconciliation;
    return next _reconciliation;
  end loop;
end
$$;

comment on function usage.reconcile(uuid, boolean) is 'Recounts each gauge from its rows and each counter from its log, of one workspace or, with null, of all. Records each difference in usage.reconciliations, adds it to the counter unless p_repair is false, and returns what it recorded, in the unit of the metric. Writers do not wait for the comparison. The job usage_reconcile calls it hourly.';

revoke execute on function usage.reconcile(uuid, boolean) from public;

-- hasura/sql/usage/members/reconcile_members.sql
create or replace function usage.reconcile_members(
  p_workspace_id uuid default null,
  p_repair boolean default true
)
returns setof usage.reconciliations
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _gauges text;
  _workspace uuid;
  _metric text;
  _start timestamptz;
  _member uuid;
  _counted bigint;
  _recounted bigint;
  _row usage.reconciliations;
begin
  -- Two repairs of the same drift at once would both add it.
  perform pg_advisory_xact_lock(hashtextextended('usage.reconcile', 0));

  -- The workspace before its log, as its deletion locks them; a workspace that is being deleted is skipped.
  with living as (
    select workspace.id
    from public.workspaces as workspace
    where (p_workspace_id is null or workspace.id = p_workspace_id)
      and exists (
        select
        from usage.member_counter_log as log
        where log.workspace_id = workspace.id
      )
    for key share skip locked
  ),
  removed as (
    delete from usage.member_counter_log as log
    using living
    where log.workspace_id = living.id
    returning log.workspace_id, log.metric, log.period_start, log.member_id, log.amount
  )
  insert into usage.member_counter_log_totals as total (workspace_id, metric, period_start, member_id, amount)
  select removed.workspace_id, removed.metric, removed.period_start, removed.member_id, sum(removed.amount)::bigint
  from removed
  group by removed.workspace_id, removed.metric, removed.period_start, removed.member_id
  order by removed.workspace_id, removed.metric, removed.period_start, removed.member_id
  on conflict on constraint member_counter_log_totals_pkey do update
    set amount = total.amount + excluded.amount;

  -- Dynamic SQL of expressions that usage.attach_meter has checked; usage.meter_member_branch quotes the names.
  _gauges := coalesce(
    (
      select string_agg(
        usage.meter_member_branch(meter, meter.relation::text, 1) || E'\n union all ', '' order by meter.metric, meter.relation
      )
      from usage.meters as meter
      join usage.metrics as metric
        on metric.key = meter.metric
        and metric.kind = 'gauge'
      join pg_class as relation on relation.oid = meter.relation
      where meter.member_expression is not null
    ),
    ''
  );

  -- One statement is one snapshot, and a commit makes rows and counters visible together: a difference in it is a drift and
  -- not a write in between.
  for _workspace, _metric, _start, _member, _counted, _recounted in execute format(
    $query$
    with truth as (
      select
        live.workspace_id,
        live.metric,
        '-infinity'::timestamptz as period_start,
        live.member_id,
        sum(live.amount)::bigint as amount
      from (%s
        select null::uuid as workspace_id, null::text as metric, null::uuid as member_id, null::bigint as amount
        where false
      ) as live
      join usage.member_meters as member_meter
        on member_meter.workspace_id = live.workspace_id
        and member_meter.metric = live.metric
      where live.member_id is not null
        and ($1 is null or live.workspace_id = $1)
      group by live.workspace_id, live.metric, live.member_id
      union all
      select added.workspace_id, added.metric, added.period_start, added.member_id, sum(added.amount)::bigint
      from (
        select total.workspace_id, total.metric, total.period_start, total.member_id, total.amount
        from usage.member_counter_log_totals as total
        where $1 is null or total.workspace_id = $1
        union all
        select log.workspace_id, log.metric, log.period_start, log.member_id, log.amount
        from usage.member_counter_log as log
        where $1 is null or log.workspace_id = $1
      ) as added
      group by added.workspace_id, added.metric, added.period_start, added.member_id
    ),
    counted as (
      select counter.workspace_id, counter.metric, counter.period_start, counter.member_id, counter.used
      from usage.member_counters as counter
      join usage.metrics as metric on metric.key = counter.metric
      where ($1 is null or counter.workspace_id = $1)
        and (metric.kind = 'counter' or metric.feed = 'rows')
    )
    select
      coalesce(counted.workspace_id, truth.workspace_id) as workspace_id,
      coalesce(counted.metric, truth.metric) as metric,
      coalesce(counted.period_start, truth.period_start) as period_start,
      coalesce(counted.member_id, truth.member_id) as member_id,
      coalesce(counted.used, 0) as counted,
      coalesce(truth.amount, 0) as recounted
    from counted
    full join truth
      on truth.workspace_id = counted.workspace_id
      and truth.metric = counted.metric
      and truth.period_start = counted.period_start
      and truth.member_id = counted.member_id
    where coalesce(counted.used, 0) <> coalesce(truth.amount, 0)
    order by 1, 2, 3, 4
    $query$,
    _gauges
  )
  using p_workspace_id
  loop
    perform 1
    from public.workspaces as workspace
    where workspace.id = _workspace
    for key share skip locked;
    continue when not found;
    if p_repair then
      -- Adds the difference instead of storing the recount, so that additions committed meanwhile stay counted.
      insert into usage.member_counters as counter (workspace_id, metric, period_start, member_id, used)
      values (_workspace, _metric, _start, _member, _recounted - _counted)
      on conflict on constraint member_counters_pkey do update
        set
          used = counter.used + excluded.used,
          updated_at = now();
    end if;
    insert into usage.reconciliations (workspace_id, metric, period_start, member_id, counted, recounted, drift, repaired)
    values (_workspace, _metric, _start, _member, _counted, _recounted, _counted - _recounted, p_repair)
    returning *
    into _row;
    return next _row;
  end loop;
end
$$;

comment on function usage.reconcile_members(uuid, boolean) is 'Compares the counters of members with a recount, gauges from their live rows and counters from the log of additions; returns and records each difference as a row of usage.reconciliations, and repairs it unless p_repair is false. p_workspace_id null means all workspaces. Called hourly by the cron trigger usage_reconcile; safe beside writers, which do not wait for it';

revoke execute on function usage.reconcile_members(uuid, boolean) from public;

-- hasura/sql/usage/members/restart_members.sql
create or replace function usage.restart_members(p_metric text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _workspaces uuid[];
begin
  with stopped as (
    delete from usage.member_meters as member_meter
    using usage.metrics as metric
    where member_meter.metric = p_metric
      and metric.key = member_meter.metric
      and metric.kind = 'gauge'
    returning member_meter.workspace_id
  ),
  cleared as (
    delete from usage.member_counters as counter
    using stopped
    where counter.workspace_id = stopped.workspace_id
      and counter.metric = p_metric
  )
  select array_agg(stopped.workspace_id order by stopped.workspace_id)
  into _workspaces
  from stopped;
  for _n in 1..coalesce(cardinality(_workspaces), 0) loop
    perform usage.begin_members(_workspaces[_n], p_metric);
  end loop;
end
$$;

comment on function usage.restart_members(text) is 'Starts to count the members of a gauge again, from the live rows, in every workspace that counted them. Called by usage.meter_members and usage.detach_meter, after which other tables or expressions feed the gauge';

revoke execute on function usage.restart_members(text) from public;

-- hasura/sql/usage/meters/add_table_total.sql
create or replace function usage.add_table_total(p_meter usage.meters, p_sign integer)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _values constant jsonb := jsonb_build_object(
    'rows', usage.meter_branch(p_meter, p_meter.relation::text, p_sign)
  );
  _workspaces uuid[];
  _metrics text[];
  _amounts bigint[];
begin
  execute usage.fill_meter_template('total', _values)
  into _workspaces, _metrics, _amounts;
  -- One after the other, because usage.add_many knows no way around the limits.
  for _n in 1..coalesce(cardinality(_workspaces), 0) loop
    perform usage.add(_workspaces[_n], _metrics[_n], _amounts[_n], false);
  end loop;
end
$$;

comment on function usage.add_table_total(usage.meters, integer) is 'Adds what the rows of a table amount to, times the sign, to the gauge of each workspace, whatever its limit. The caller has locked the table.';

revoke execute on function usage.add_table_total(usage.meters, integer) from public;

-- hasura/sql/usage/meters/generated_name.sql
create or replace function usage.generated_name(p_table regclass, p_prefix text, p_suffix text)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  _stem text;
begin
  select format('%s_%s_%s', p_prefix, namespace.nspname, class.relname)
  into _stem
  from pg_class as class
  join pg_namespace as namespace
    on namespace.oid = class.relnamespace
  where class.oid = p_table;
  -- Postgres cuts a name at 63 bytes: the suffix has to stay.
  if octet_length(_stem || p_suffix) > 63 then
    _stem := left(regexp_replace(_stem, '[^a-zA-Z0-9_]', '', 'g'), 33) || '_' || left(md5(_stem), 8);
  end if;
  -- The name is taken when a table was renamed or dropped, and another one came in its place.
  if exists (
    select
    from pg_proc as routine
    where routine.pronamespace = 'usage'::regnamespace
      and routine.proname = _stem || p_suffix
  ) then
    _stem := left(regexp_replace(_stem, '[^a-zA-Z0-9_]', '', 'g'), 33) || '_' || p_table::oid;
  end if;
  return _stem || p_suffix;
end
$$;

comment on function usage.generated_name(regclass, text, text) is 'A name of at most 63 bytes for a new function in the schema usage that belongs to a table: prefix_schema_table and the suffix.';

revoke execute on function usage.generated_name(regclass, text, text) from public;

-- hasura/sql/usage/meters/create_meter_trigger.sql
create or replace function usage.create_meter_trigger(
  p_table regclass,
  p_event text,
  p_suffix text,
  p_body text
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _trigger constant text := 'usage_meter_' || p_event || p_suffix;
  _function text;
  _values jsonb;
begin
  select format('%I.%I', namespace.nspname, routine.proname)
  into _function
  from pg_trigger as present
  join pg_proc as routine
    on routine.oid = present.tgfoid
  join pg_namespace as namespace
    on namespace.oid = routine.pronamespace
  where present.tgrelid = p_table
    and present.tgname = _trigger;

  _values := jsonb_build_object(
    'table', p_table,
    'trigger', quote_ident(_trigger),
    'function', coalesce(
      _function,
      format('usage.%I', usage.generated_name(p_table, 'meter', '_' || p_event || p_suffix))
    ),
    'body', quote_literal(p_body)
  );
  execute usage.fill_meter_template('function', _values);
  case p_event
    when 'insert' then
      execute usage.fill_meter_template('insert_trigger', _values);
    when 'update' then
      execute usage.fill_meter_template('update_trigger', _values);
    when 'delete' then
      execute usage.fill_meter_template('delete_trigger', _values);
    when 'truncate' then
      execute usage.fill_meter_template('truncate_trigger', _values);
  end case;
end
$$;

comment on function usage.create_meter_trigger(regclass, text, text, text) is 'Creates or replaces a statement trigger of a metered table and the function behind it. The function runs with the rights of its owner; public may not call it.';

revoke execute on function usage.create_meter_trigger(regclass, text, text, text) from public;

-- hasura/sql/usage/meters/create_workspace_triggers.sql
create or replace function usage.create_workspace_triggers(p_table regclass)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _values jsonb;
begin
  -- The constraint knows the present names of the tables and columns.
  select jsonb_build_object(
    'table', p_table,
    'parent', foreign_key.confrelid::regclass,
    'foreign_key', quote_ident(child_key.attname),
    'column', quote_ident(child_workspace.attname),
    'column_name', quote_literal(child_workspace.attname),
    'parent_key', quote_ident(parent_key.attname),
    'parent_workspace', quote_ident(parent_workspace.attname),
    'equals', usage.qualified_operator(foreign_key.conpfeqop[1]),
    'same_key', usage.qualified_operator(foreign_key.conffeqop[1]),
    -- A template of format, whose %s is the value of the foreign key.
    'message', quote_literal(
      format(
        '"%s" of %s is %%s: %s has no such row with a "%s"',
        replace(child_key.attname, '%', '%%'),
        replace(child.relname, '%', '%%'),
        replace(parent.relname, '%', '%%'),
        replace(parent_workspace.attname, '%', '%%')
      )
    )
  )
  into _values
  from pg_constraint as foreign_key
  join pg_class as child
    on child.oid = foreign_key.conrelid
  join pg_class as parent
    on parent.oid = foreign_key.confrelid
  join pg_attribute as child_key
    on child_key.attrelid = foreign_key.conrelid
    and child_key.attnum = foreign_key.conkey[1]
  join pg_attribute as child_workspace
    on child_workspace.attrelid = foreign_key.conrelid
    and child_workspace.attnum = foreign_key.conkey[2]
  join pg_attribute as parent_key
    on parent_key.attrelid = foreign_key.confrelid
    and parent_key.attnum = foreign_key.confkey[1]
  join pg_attribute as parent_workspace
    on parent_workspace.attrelid = foreign_key.confrelid
    and parent_workspace.attnum = foreign_key.confkey[2]
  where foreign_key.conrelid = p_table
    and foreign_key.conname = 'usage_workspace_fkey';

  _values := _values || jsonb_build_object(
    'function', coalesce(
      (
        select format('usage.%I', routine.proname)
        from pg_trigger as present
        join pg_proc as routine
          on routine.oid = present.tgfoid
        where present.tgrelid = p_table
          and present.tgname = 'usage_workspace_insert'
      ),
      format('usage.%I', usage.generated_name(p_table, 'workspace', ''))
    ),
    'body', quote_literal(usage.fill_meter_template('workspace_column', _values))
  );
  execute usage.fill_meter_template('function', _values);
  execute usage.fill_meter_template('workspace_insert_trigger', _values);
  execute usage.fill_meter_template('workspace_update_trigger', _values);
end
$$;

comment on function usage.create_workspace_triggers(regclass) is 'Creates or replaces the triggers that keep a workspace column, and the function behind them, from the constraint usage_workspace_fkey.';

revoke execute on function usage.create_workspace_triggers(regclass) from public;

-- hasura/sql/usage/meters/rebuild_workspace_columns.sql
create or replace function usage.rebuild_workspace_columns()
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _table regclass;
begin
  for _table in
    select class.oid::regclass
    from pg_constraint as foreign_key
    join pg_class as class
      on class.oid = foreign_key.conrelid
    join pg_namespace as namespace
      on namespace.oid = class.relnamespace
    where foreign_key.contype = 'f'
      and foreign_key.conname = 'usage_workspace_fkey'
    order by namespace.nspname, class.relname
  loop
    perform usage.create_workspace_triggers(_table);
  end loop;
end
$$;

comment on function usage.rebuild_workspace_columns() is 'Brings the triggers of every column of usage.add_workspace_column in line with usage.meter_template and with the present names of tables and columns, in the order of the tables'' names.';

revoke execute on function usage.rebuild_workspace_columns() from public;

-- hasura/sql/usage/meters/rebuild_meters.sql
create or replace function usage.rebuild_meters(p_table regclass default null)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _table regclass;
  _body record;
  _obsolete record;
begin
  for _table in
    select p_table
    where p_table is not null
    union all
    (
      select class.oid::regclass
      from pg_class as class
      join pg_namespace as namespace
        on namespace.oid = class.relnamespace
      where p_table is null
        and exists (
          select
          from usage.meters as meter
          where meter.relation = class.oid
        )
      order by namespace.nspname, class.relname
    )
  loop
    -- A writer sees all triggers of the table as they were or all as they are.
    execute format('lock table %s in share row exclusive mode', _table);
    for _body in
      select wanted.event, wanted.suffix, wanted.body
      from usage.meter_bodies(_table) as wanted
    loop
      perform usage.create_meter_trigger(_table, _body.event, _body.suffix, _body.body);
    end loop;

    for _obsolete in
      select present.tgname as name, present.tgfoid::regprocedure as function
      from pg_trigger as present
      where present.tgrelid = _table
        and present.tgname ~ '^usage_meter_(insert|update|delete|truncate)(_members)?$'
        and not exists (
          select
          from usage.meter_bodies(_table) as wanted
          where present.tgname = 'usage_meter_' || wanted.event || wanted.suffix
        )
    loop
      execute format('drop trigger %I on %s', _obsolete.name, _table);
      execute format('drop function %s', _obsolete.function);
    end loop;
  end loop;

  if p_table is null then
    perform usage.rebuild_workspace_columns();
  end if;
end
$$;

comment on function usage.rebuild_meters(regclass) is 'Brings the triggers of a table in line with usage.meters and usage.meter_template. Without a table it does so for every metered table that still exists, in the order of their names, and for the columns of usage.add_workspace_column.';

revoke execute on function usage.rebuild_meters(regclass) from public;

-- hasura/sql/usage/meters/require_meter_expression.sql
create or replace function usage.require_meter_expression(p_table regclass, p_what text, p_expression text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _relation text;
  _values jsonb;
  _type text;
  _is_one_expression boolean;
  _wanted text;
begin
  if p_expression is null or position(';' in p_expression) > 0 then
    raise exception using
      errcode = '22023',
      message = format('%s expression of %s must be one expression without a semicolon', p_what, p_table);
  end if;
  -- The mark that the truncate trigger replaces by the present name of the table.
  if position('{{table}}' in p_expression) > 0 then
    raise exception using
      errcode = '22023',
      message = format('%s expression of %s must not contain {{table}}', p_what, p_table);
  end if;

  select class.relname::text
  into _relation
  from pg_class as class
  where class.oid = p_table;
  _values := jsonb_build_object('relation', quote_ident(_relation), 'table', p_table, 'expression', p_expression);
  begin
    execute usage.fill_meter_template('probe', _values);
    select
      format_type(attribute.atttypid, null),
      index.indnatts = 1
    into _type, _is_one_expression
    from pg_index as index
    join pg_attribute as attribute
      on attribute.attrelid = index.indexrelid
      and attribute.attnum = 1
    where index.indrelid = format('pg_temp.%I', _relation)::regclass;
    execute usage.fill_meter_template('probe_parentheses', _values);
    execute format('drop table pg_temp.%I', _relation);
  exception
    when undefined_column then
      raise exception using
        errcode = '22023',
        message = format('%s expression "%s" cannot be used on %s: %s', p_what, p_expression, p_table, sqlerrm)
          || case p_what when 'workspace' then '; ' || usage.suggest_workspace_column(p_table) else '' end;
    when others then
      raise exception using
        errcode = '22023',
        message = format('%s expression "%s" cannot be used on %s: %s', p_what, p_expression, p_table, sqlerrm);
  end;
  -- Text that closes one pair of parentheses may be a list, which is several columns to an index.
  if not _is_one_expression then
    raise exception using
      errcode = '22023',
      message = format('%s expression "%s" of %s is more than one expression', p_what, p_expression, p_table);
  end if;

  _wanted := case p_what
    when 'amount' then 'a number'
    when 'live' then 'boolean'
    else 'uuid'
  end;
  if _type <> all (
    case _wanted
      when 'a number' then array['smallint', 'integer', 'bigint', 'numeric', 'real', 'double precision']
      else array[_wanted]
    end
  ) then
    raise exception using
      errcode = '22023',
      message = format('%s expression "%s" of %s is of type %s, not %s', p_what, p_expression, p_table, _type, _wanted);
  end if;
end
$$;

comment on function usage.require_meter_expression(regclass, text, text) is 'Raises SQLSTATE 22023 unless the text is one immutable expression on a row of the table: of type uuid for workspace and member, boolean for live, a number for amount.';

revoke execute on function usage.require_meter_expression(regclass, text, text) from public;

-- hasura/sql/usage/meters/meter_members.sql
create or replace function usage.meter_members(p_table regclass, p_metric text, p_member text)
returns usage.meters
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _meter usage.meters;
begin
  execute format('lock table %s in share row exclusive mode', p_table);
  if p_member is not null then
    perform usage.require_meter_expression(p_table, 'member', p_member);
  end if;
  update usage.meters as meter
  set member_expression = p_member
  where meter.relation = p_table
    and meter.metric = p_metric
  returning meter.*
  into _meter;
  if not found then
    raise exception using errcode = '22023', message = format('%s has no meter of "%s"', p_table, p_metric);
  end if;
  perform usage.restart_members(p_metric);
  perform usage.rebuild_meters(p_table);
  return _meter;
end
$$;

comment on function usage.meter_members(regclass, text, text) is 'Sets for which member a row of a metered table counts, by an expression of type uuid; null for none. SQLSTATE 22023 when the table has no meter of the metric or the expression is none.';

revoke execute on function usage.meter_members(regclass, text, text) from public;

-- hasura/sql/usage/meters/attach_meter.sql
create or replace function usage.attach_meter(
  p_table regclass,
  p_metric text,
  p_workspace text default 'workspace_id',
  p_amount text default '1',
  p_live text default null,
  p_member text default null
)
returns usage.meters
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _metric usage.metrics;
  _meter usage.meters;
  _values jsonb;
  _refused boolean;
  _plans text;
begin
  perform usage.require_plain_table(p_table, 'be metered');
  select metric.*
  into _metric
  from usage.metrics as metric
  where metric.key = p_metric;
  if not found then
    raise exception using errcode = '22023', message = format('unknown metric "%s"', p_metric);
  end if;
  if _metric.feed <> 'rows' then
    raise exception using errcode = '22023', message = format('metric "%s" is fed by the gate, not by rows of a table', p_metric);
  end if;

  -- A dropped table takes its triggers along but not its meters.
  delete from usage.meters as meter
  where not exists (
    select
    from pg_class as class
    where class.oid = meter.relation
  );

  execute format('lock table %s in share row exclusive mode', p_table);
  if exists (
    select
    from usage.meters as meter
    where meter.relation = p_table
      and meter.metric = p_metric
  ) then
    raise exception using errcode = '22023', message = format('%s has a meter of "%s" already', p_table, p_metric);
  end if;

  perform usage.require_meter_expression(p_table, 'workspace', p_workspace);
  perform usage.require_meter_expression(p_table, 'amount', p_amount);
  if p_live is not null then
    perform usage.require_meter_expression(p_table, 'live', p_live);
  end if;

  insert into usage.meters (table_name, relation, metric, workspace_expression, amount_expression, live_filter)
  select
    format('%I.%I', namespace.nspname, class.relname),
    p_table,
    p_metric,
    p_workspace,
    p_amount,
    p_live
  from pg_class as class
  join pg_namespace as namespace
    on namespace.oid = class.relnamespace
  where class.oid = p_table
  returning *
  into _meter;

  _values := jsonb_build_object('rows', usage.meter_branch(_meter, p_table::text, 1));
  execute usage.fill_meter_template('any_refused', _values)
  into _refused;
  if _refused then
    raise exception using
      errcode = '22023',
      message = format('%s has rows without a workspace or with a negative amount, which "%s" cannot count', p_table, p_metric);
  end if;

  if _metric.kind = 'gauge' then
    perform usage.add_table_total(_meter, 1);
  end if;
  perform usage.rebuild_meters(p_table);
  if p_member is not null then
    _meter := usage.meter_members(p_table, p_metric, p_member);
  end if;

  select string_agg(plan.id, ', ' order by plan.rank)
  into _plans
  from billing.plans as plan
  where not exists (
    select
    from billing.plan_limits as plan_limit
    where plan_limit.plan_id = plan.id
      and plan_limit.metric = p_metric
  );
  if _plans is not null then
    raise notice 'plans without a limit of "%", whose workspaces may use none of it: %', p_metric, _plans
      using hint = format('Insert a row into billing.plan_limits for each plan that includes "%s"; limit_value null is unlimited.', p_metric);
  end if;
  return _meter;
end
$$;

comment on function usage.attach_meter(regclass, text, text, text, text, text) is 'Meters a table: its statement triggers count what its rows add to the metric. A gauge begins with the live rows that exist, whatever the limit; a counter begins at zero. With p_member rows count for a member too. SQLSTATE 22023 says what the table, the metric or an expression lacks; a notice names the plans without a limit of the metric.';

revoke execute on function usage.attach_meter(regclass, text, text, text, text, text) from public;

-- hasura/sql/usage/meters/detach_meter.sql
create or replace function usage.detach_meter(p_table regclass, p_metric text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _meter usage.meters;
  _kind text;
begin
  execute format('lock table %s in share row exclusive mode', p_table);
  delete from usage.meters as meter
  where meter.relation = p_table
    and meter.metric = p_metric
  returning meter.*
  into _meter;
  if not found then
    raise exception using errcode = '22023', message = format('%s has no meter of "%s"', p_table, p_metric);
  end if;

  select metric.kind
  into _kind
  from usage.metrics as metric
  where metric.key = p_metric;
  if _kind = 'gauge' then
    perform usage.add_table_total(_meter, -1);
  end if;
  perform usage.rebuild_meters(p_table);
  perform usage.restart_members(p_metric);
end
$$;

comment on function usage.detach_meter(regclass, text) is 'Ends a meter and drops its triggers. A gauge gives back what the table had; a counter keeps what was used. SQLSTATE 22023 when the table has no meter of the metric.';

revoke execute on function usage.detach_meter(regclass, text) from public;

-- hasura/sql/usage/meters/drop_workspace_column.sql
create or replace function usage.drop_workspace_column(p_table regclass, p_column text default 'workspace_id')
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _function regprocedure;
  _parent regclass;
  _name text;
  _child regclass;
  _meter usage.meters;
begin
  select present.tgfoid::regprocedure
  into _function
  from pg_trigger as present
  where present.tgrelid = p_table
    and present.tgname = 'usage_workspace_insert';
  select foreign_key.confrelid::regclass, attribute.attname::text
  into _parent, _name
  from pg_constraint as foreign_key
  join pg_attribute as attribute
    on attribute.attrelid = foreign_key.conrelid
    and attribute.attnum = foreign_key.conkey[2]
  where foreign_key.conrelid = p_table
    and foreign_key.conname = 'usage_workspace_fkey';
  -- Where the parent was dropped with cascade, the constraint went with it and the triggers stayed.
  if _function is null or _name <> p_column then
    raise exception using
      errcode = '22023',
      message = format('%s has no column "%s" of usage.add_workspace_column', p_table, p_column);
  end if;
  select foreign_key.conrelid::regclass
  into _child
  from pg_constraint as foreign_key
  where foreign_key.confrelid = p_table
    and foreign_key.conname = 'usage_workspace_fkey'
  limit 1;
  if found then
    raise exception using
      errcode = '22023',
      message = format('%s takes its workspace from "%s" of %s: drop its column first', _child, p_column, p_table);
  end if;

  if _parent is not null then
    execute format('lock table %s in access exclusive mode', _parent);
  end if;
  execute format('lock table %s in access exclusive mode', p_table);
  execute format('drop trigger usage_workspace_insert on %s', p_table);
  execute format('drop trigger usage_workspace_update on %s', p_table);
  execute format('drop function %s', _function);
  execute format('alter table %s drop constraint if exists usage_workspace_fkey', p_table);
  execute format('alter table %s drop column %I', p_table, p_column);

  for _meter in
    select meter.*
    from usage.meters as meter
    where meter.relation = p_table
    order by meter.metric
  loop
    begin
      perform usage.require_meter_expression(p_table, 'workspace', _meter.workspace_expression);
      perform usage.require_meter_expression(p_table, 'amount', _meter.amount_expression);
      perform usage.require_meter_expression(p_table, 'live', coalesce(_meter.live_filter, 'true'));
      perform usage.require_meter_expression(p_table, 'member', coalesce(_meter.member_expression, 'null::uuid'));
    exception when sqlstate '22023' then
      raise exception using
        errcode = '22023',
        message = format('the meter of "%s" on %s reads "%s": detach the meter first', _meter.metric, p_table, p_column);
    end;
  end loop;

  -- The key that usage.require_workspace_key gave the parent, where no other table refers to it.
  select parent_key.conname::text
  into _name
  from pg_constraint as parent_key
  where parent_key.conrelid = _parent
    and parent_key.contype = 'u'
    and parent_key.conname like '%\_usage\_workspace\_key'
    and not exists (
      select
      from pg_constraint as foreign_key
      where foreign_key.contype = 'f'
        and foreign_key.conindid = parent_key.conindid
    );
  if found then
    execute format('alter table %s drop constraint %I', _parent, _name);
  end if;
end
$$;

comment on function usage.drop_workspace_column(regclass, text) is 'Takes back usage.add_workspace_column: drops the column, its triggers and what the parent got for it. SQLSTATE 22023 when the table has no such column, a meter reads it or another table takes its workspace from it.';

revoke execute on function usage.drop_workspace_column(regclass, text) from public;

-- hasura/sql/usage/meters/fill_workspace_column.sql
create or replace function usage.fill_workspace_column(p_table regclass, p_values jsonb)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  _column constant text := p_values ->> 'column_name';
  _ordinary text[];
  _always text[];
  _trigger text;
  _orphans bigint;
begin
  select
    coalesce(array_agg(present.tgname::text) filter (where present.tgenabled = 'O'), array[]::text[]),
    coalesce(array_agg(present.tgname::text) filter (where present.tgenabled = 'A'), array[]::text[])
  into _ordinary, _always
  from pg_trigger as present
  where present.tgrelid = p_table
    and not present.tgisinternal;

  -- Nothing of the application changes: no event, no audit entry and no new time of change.
  foreach _trigger in array _ordinary || _always loop
    execute format('alter table %s disable trigger %I', p_table, _trigger);
  end loop;
  execute usage.fill_meter_template('workspace_fill', p_values);
  foreach _trigger in array _ordinary loop
    execute format('alter table %s enable trigger %I', p_table, _trigger);
  end loop;
  foreach _trigger in array _always loop
    execute format('alter table %s enable always trigger %I', p_table, _trigger);
  end loop;

  execute format('select count(*) from %s where %I is null', p_table, _column)
  into _orphans;
  if _orphans > 0 then
    raise exception using
      errcode = '22023',
      message = format('%s has %s rows whose parent is missing or has no workspace: correct or delete them first', p_table, _orphans);
  end if;
  execute format('alter table %s alter column %I set not null', p_table, _column);
end
$$;

comment on function usage.fill_workspace_column(regclass, jsonb) is 'Fills a new workspace column from the parent rows without firing triggers, and makes it not null. SQLSTATE 22023 when a row gets no workspace.';

revoke execute on function usage.fill_workspace_column(regclass, jsonb) from public;

-- hasura/sql/usage/meters/require_read_committed.sql
create or replace function usage.require_read_committed()
returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if current_setting('transaction_isolation') not in ('read committed', 'read uncommitted') then
    raise exception using
      errcode = '22023',
      message = 'attach and detach meters in a read committed transaction';
  end if;
  return null;
end
$$;

comment on function usage.require_read_committed() is 'Refuses with SQLSTATE 22023 to change meters under a snapshot that may be older than the rows of the table.';

revoke execute on function usage.require_read_committed() from public;

create or replace trigger meters_require_read_committed
  before insert or delete on usage.meters
  for each statement
  execute function usage.require_read_committed();

create or replace trigger meters_require_read_committed_update
  before update on usage.meters
  for each statement
  execute function usage.require_read_committed();

-- hasura/sql/usage/reconciliation/forget_counter_log.sql
create or replace function usage.forget_counter_log()
returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if tg_op = 'TRUNCATE' then
    delete from usage.counter_log;
  else
    delete from usage.counter_log as addition
    using gone
    where addition.workspace_id = gone.id;
  end if;
  return null;
end
$$;

comment on function usage.forget_counter_log() is 'Deletes the logged additions of deleted workspaces. The log has no foreign key that would do so: an addition costs one insert without an index.';

revoke execute on function usage.forget_counter_log() from public;

create or replace trigger usage_forget_counter_log_delete
  after delete on public.workspaces
  referencing old table as gone
  for each statement
  execute function usage.forget_counter_log();

create or replace trigger usage_forget_counter_log_truncate
  after truncate on public.workspaces
  for each statement
  execute function usage.forget_counter_log();

-- hasura/sql/usage/reconciliation/prune.sql
create or replace function usage.prune(p_before timestamptz)
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  -- An idempotency key answers for 34 days.
  _before constant timestamptz := least(p_before, now() - interval '34 days');
  _rows integer;
  _total integer := 0;
begin
  delete from usage.ledger
  where created_at < _before;
  get diagnostics _rows = row_count;
  _total := _total + _rows;

  delete from usage.reservations
  where created_at < _before
    and expires_at <= now();
  get diagnostics _rows = row_count;
  _total := _total + _rows;

  delete from usage.cron_runs
  where scheduled_time < _before
    and started_at < _before;
  get diagnostics _rows = row_count;
  return _total + _rows;
end
$$;

comment on function usage.prune(timestamptz) is 'Deletes ledger rows, reservations whose time is over and cron runs from before a moment, or from before 34 days ago where that is earlier, and returns how many rows. The job usage_prune_ledger calls it.';

revoke execute on function usage.prune(timestamptz) from public;

-- hasura/sql/usage/reconciliation/recount.sql
create or replace function usage.recount(p_workspace_id uuid, p_metric text, p_period_start timestamptz)
returns bigint
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return coalesce(
    (
      select recount.amount
      from usage.counter_recounts as recount
      where recount.workspace_id = p_workspace_id
        and recount.metric = p_metric
        and recount.period_start = p_period_start
    ),
    0
  );
end
$$;

comment on function usage.recount(uuid, text, timestamptz) is 'Returns the use of a counter in the period that starts at a moment, added up from its log, in the unit of the metric; 0 where nothing is logged.';

revoke execute on function usage.recount(uuid, text, timestamptz) from public;

-- hasura/sql/usage/shards/exclude_reserved_headroom.sql
create or replace function usage.exclude_reserved_headroom()
returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  update usage.counters as counter
  set
    headroom = 0,
    headroom_until = '-infinity'
  where counter.workspace_id = new.workspace_id
    and counter.metric = new.metric
    and counter.headroom > 0;
  return null;
end
$$;

comment on function usage.exclude_reserved_headroom() is 'Voids the headroom on a counter''s row when a reservation of its metric is written, so that the next addition computes it without the reserved units. A trigger, so that it holds for every writer of usage.reservations';

revoke execute on function usage.exclude_reserved_headroom() from public;

create or replace trigger reservations_exclude_reserved_headroom
  after insert or update of amount, expires_at, status on usage.reservations
  for each row
  when (new.status = 'held')
  execute function usage.exclude_reserved_headroom();

-- hasura/sql/usage/shards/merge_counters.sql
create or replace function usage.merge_counters()
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  _sharded record;
  _merged integer := 0;
begin
  for _sharded in
    select counter.workspace_id, counter.metric, counter.period_start
    from usage.counters as counter
    where counter.shards > 0
      or counter.granted > 0
    order by counter.workspace_id, counter.metric, counter.period_start
  loop
    perform 1
    from usage.counters as counter
    where counter.workspace_id = _sharded.workspace_id
      and counter.metric = _sharded.metric
      and counter.period_start = _sharded.period_start
    for no key update skip locked;
    -- The transaction that has the row is adding to it under the lock, and measures the rate of use itself.
    continue when not found;

    if _sharded.period_start = (
      select present.period_start
      from usage.period(_sharded.workspace_id) as present
    )
    then
      perform usage.add_beyond_headroom(_sharded.workspace_id, _sharded.metric, 0);
    else
      perform usage.collect_shards(_sharded.workspace_id, _sharded.metric, _sharded.period_start, false);
      update usage.counters as counter
      set shards = 0
      where counter.workspace_id = _sharded.workspace_id
        and counter.metric = _sharded.metric
        and counter.period_start = _sharded.period_start;
    end if;

    perform 1
    from usage.counters as counter
    where counter.workspace_id = _sharded.workspace_id
      and counter.metric = _sharded.metric
      and counter.period_start = _sharded.period_start
      and counter.shards = 0;
    _merged := _merged + found::integer;
  end loop;
  return _merged;
end
$$;

comment on function usage.merge_counters() is 'Merges the sharded counters whose rate of use has fallen, as usage.adapt_shards measures it, and those of past periods; returns how many it merged. Skips counters that another transaction has locked. Called every minute by the cron trigger usage_expire_reservations; no total depends on it';

revoke execute on function usage.merge_counters() from public;

-- hasura/sql/usage/shards/split_counter.sql
create or replace function usage.split_counter(
  p_workspace_id uuid,
  p_metric text,
  p_shards integer default 16
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_shards not between 0 and 64 then
    raise exception using
      errcode = '22023',
      message = 'a counter has 0 to 64 shards';
  end if;
  perform 1
  from usage.metrics as metric
  where metric.key = p_metric
    and metric.kind = 'counter'
    and metric.feed = 'rows';
  if not found then
    raise exception using
      errcode = '22023',
      message = format('"%s" is no counter that rows feed: a gauge''s peak and the gate''s decisions need one row', p_metric);
  end if;
  perform usage.add_beyond_headroom(p_workspace_id, p_metric, 0, true, p_shards::smallint);
  -- Its rate of use is measured from now on, so that it stays split until its first writers come.
  update usage.counters as counter
  set
    measured_at = clock_timestamp(),
    measured_used = total.used
  from usage.counter_totals as total
  where counter.workspace_id = p_workspace_id
    and counter.metric = p_metric
    and counter.shards > 0
    and total.workspace_id = counter.workspace_id
    and total.metric = counter.metric
    and total.period_start = counter.period_start
    and counter.period_start = (
      select present.period_start
      from usage.period(p_workspace_id) as present
    );
end
$$;

comment on function usage.split_counter(uuid, text, integer) is 'Splits a counter of the present period into p_shards shards now, 0 to 64, instead of after contention; 0 merges it. Splits only while the headroom gives each shard enough units. Raises 22023 for another number and for a metric that is a gauge or that the gate feeds. For operators, before a burst of writes is expected';

revoke execute on function usage.split_counter(uuid, text, integer) from public;

-- hasura/sql/usage/webhooks/cancel_webhooks.sql
create or replace function usage.cancel_webhooks()
returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  update usage.webhook_deliveries
  set
    status = 'cancelled',
    next_attempt_at = null
  where endpoint_id = new.id
    and status = 'pending';
  return null;
end
$$;

comment on function usage.cancel_webhooks() is 'Cancels the pending deliveries of an endpoint that is disabled, so that enabling it again sends nothing stale.';

revoke execute on function usage.cancel_webhooks() from public;

create or replace trigger webhook_endpoints_cancel_deliveries
  after update on usage.webhook_endpoints
  for each row
  when (old.enabled and not new.enabled)
  execute function usage.cancel_webhooks();

-- hasura/sql/usage/webhooks/clear_webhook_failure.sql
create or replace function usage.clear_webhook_failure()
returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  new.disabled_reason := null;
  new.failing_since := null;
  return new;
end
$$;

comment on function usage.clear_webhook_failure() is 'Clears the failures of an endpoint that is enabled again, so that it is not disabled for old ones.';

revoke execute on function usage.clear_webhook_failure() from public;

create or replace trigger webhook_endpoints_clear_failure
  before update on usage.webhook_endpoints
  for each row
  when (new.enabled and not old.enabled)
  execute function usage.clear_webhook_failure();

-- hasura/sql/usage/webhooks/prune_webhooks.sql
create or replace function usage.prune_webhooks(p_before timestamptz)
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  _deliveries integer;
begin
  delete from usage.webhook_deliveries
  where created_at < least(p_before, now() - interval '34 days')
    and status <> 'pending';
  get diagnostics _deliveries = row_count;
  delete from usage.webhook_secrets
  where expires_at < now();
  return _deliveries;
end
$$;

comment on function usage.prune_webhooks(timestamptz) is 'Deletes finished deliveries created before a moment and more than 34 days ago, with their attempts, and expired secrets. Returns how many deliveries. The job usage_prune_ledger calls it.';

revoke execute on function usage.prune_webhooks(timestamptz) from public;
