alter table usage.alerts
  drop constraint alerts_percent_has_limit,
  add constraint alerts_percent_has_limit check (
    threshold_percent is null
    or limit_value is not null
    or kind = 'recovered'
  );

create table usage.alert_rules (
  id uuid not null default gen_random_uuid(),
  workspace_id uuid not null,
  metric text not null,
  threshold_percent integer,
  threshold_value bigint,
  enabled boolean not null default true,
  created_at timestamptz not null default now(),
  constraint alert_rules_pkey primary key (id),
  constraint alert_rules_workspace_id_fkey foreign key (workspace_id) references public.workspaces (id) on delete cascade,
  constraint alert_rules_metric_fkey foreign key (metric) references usage.metrics (key),
  constraint alert_rules_once unique nulls not distinct (workspace_id, metric, threshold_percent, threshold_value),
  constraint alert_rules_one_threshold check (num_nonnulls(threshold_percent, threshold_value) = 1),
  constraint alert_rules_threshold_percent_range check (threshold_percent between 1 and 1000),
  constraint alert_rules_threshold_value_positive check (threshold_value > 0)
);

comment on table usage.alert_rules is
  'Thresholds of a workspace beside the usual 75, 90 and 100 percent; a rule for one of these that is not enabled turns it off.';

create function usage.bound_alert_rules() returns trigger
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

comment on function usage.bound_alert_rules() is
  'Each rule costs the workspace''s own writes a little; without a bound one admin could make them slow.';

create trigger alert_rules_bound
after insert on usage.alert_rules
for each row
execute function usage.bound_alert_rules();

create function usage.alert_thresholds(p_workspace_id uuid, p_metric text, p_limit bigint)
returns table (threshold_percent integer, threshold_value bigint, level bigint)
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
      -- of a limit of nothing any use is all
      else least(
        greatest(1, ceil(p_limit * chosen.threshold_percent::numeric / 100)),
        9223372036854775807
      )::bigint
    end
  from (
    select usual.percent as threshold_percent, null::bigint as threshold_value
    from unnest(array[75, 90, 100]) as usual (percent)
    where not exists (
      select
      from usage.alert_rules
      where alert_rules.workspace_id = p_workspace_id
        and alert_rules.metric = p_metric
        and alert_rules.threshold_percent = usual.percent
    )
    union all
    select alert_rules.threshold_percent, alert_rules.threshold_value
    from usage.alert_rules
    where alert_rules.workspace_id = p_workspace_id
      and alert_rules.metric = p_metric
      and alert_rules.enabled
  ) as chosen
$$;

comment on function usage.alert_thresholds(uuid, text, bigint) is
  'The thresholds of a workspace for a metric, each with the use at which it is reached; null where the limit is unlimited.';

create table usage.alert_levels (
  workspace_id uuid not null,
  metric text not null,
  period_start timestamptz not null,
  valid_until timestamptz not null,
  constraint alert_levels_pkey primary key (workspace_id, metric),
  constraint alert_levels_workspace_id_fkey foreign key (workspace_id) references public.workspaces (id) on delete cascade
)
with (fillfactor = 50);

create index alert_levels_valid_until_idx on usage.alert_levels (valid_until);

comment on table usage.alert_levels is
  'Until when what was last noted of a level holds if nobody uses anything: the moment that the clock changes limit or period.';

create or replace function usage.note_level(
  p_workspace_id uuid,
  p_metric text,
  p_period_start timestamptz,
  p_used bigint,
  out rise_at bigint,
  out fall_at bigint
)
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  _limit record;
  _period record;
  _start timestamptz := p_period_start;
  _mark record;
  _below boolean;
begin
  rise_at := 9223372036854775807;
  fall_at := -9223372036854775808;
  select bound.limit_value, bound.source, bound.valid_until
  into _limit
  from billing.limit_of(p_workspace_id, p_metric) as bound;
  -- What is given back while its workspace is deleted.
  if _limit.source = 'unknown-workspace' then
    return;
  end if;
  select period.period_start, period.period_end
  into _period
  from usage.period(p_workspace_id) as period;
  if not isfinite(_start) then
    _start := _period.period_start;
  end if;

  for _mark in
    select
      threshold.threshold_percent,
      threshold.threshold_value,
      threshold.level,
      turn.kind,
      coalesce(turn.sequence, 0) as sequence,
      turn.rearmed,
      -- null is unlimited, above any limit
      threshold.threshold_percent is not null
        and turn.limit_value is not null
        and (_limit.limit_value is null or _limit.limit_value > turn.limit_value) as limit_rose
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
    ) as turn on true
    order by threshold.level
  loop
    _below := _mark.level is null or p_used < _mark.level;
    if _mark.kind = 'crossed' then
      if _below then
        insert into usage.alerts (
          workspace_id, metric, period_start, threshold_percent, threshold_value, used, limit_value, kind, sequence, rearmed
        )
        values (
          p_workspace_id, p_metric, _start, _mark.threshold_percent, _mark.threshold_value, p_used, _limit.limit_value,
          'recovered', _mark.sequence + 1, _mark.limit_rose
        )
        on conflict on constraint alerts_once_a_period do nothing;
        if _mark.limit_rose and _mark.level is not null then
          rise_at := least(rise_at, _mark.level);
        end if;
      else
        fall_at := greatest(fall_at, _mark.level);
      end if;
    elsif _mark.kind is null or _mark.rearmed or _mark.limit_rose then
      if not _below then
        insert into usage.alerts (
          workspace_id, metric, period_start, threshold_percent, threshold_value, used, limit_value, sequence
        )
        values (
          p_workspace_id, p_metric, _start, _mark.threshold_percent, _mark.threshold_value, p_used, _limit.limit_value,
          _mark.sequence + 1
        )
        on conflict on constraint alerts_once_a_period do nothing;
        fall_at := greatest(fall_at, _mark.level);
      elsif _mark.level is not null then
        rise_at := least(rise_at, _mark.level);
      end if;
    end if;
  end loop;

  insert into usage.alert_levels as held (workspace_id, metric, period_start, valid_until)
  values (p_workspace_id, p_metric, _start, least(_limit.valid_until, _period.period_end))
  on conflict on constraint alert_levels_pkey do update
    set period_start = excluded.period_start,
      valid_until = excluded.valid_until
    where (held.period_start, held.valid_until) is distinct from (excluded.period_start, excluded.valid_until);
end
$$;

comment on function usage.note_level(uuid, text, timestamptz, bigint) is
  'Writes the crossings and recoveries that a level of use calls for. While fall_at <= used < rise_at there is nothing more to write; for holders of the counter''s lock.';

create or replace function usage.raise_alerts(p_workspace_id uuid, p_metric text, p_period_start timestamptz, p_used bigint)
returns bigint
language sql
volatile
set search_path = pg_catalog, pg_temp
as $$
  select noted.rise_at
  from usage.note_level(p_workspace_id, p_metric, p_period_start, p_used) as noted
$$;

comment on function usage.raise_alerts(uuid, text, timestamptz, bigint) is
  'Notes a level of use and returns the next one that calls for an alert; for holders of the counter''s lock.';

create function usage.note_recoveries() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  -- One look into an index; most that give back have no alert.
  if exists (
    select
    from usage.alerts
    where alerts.workspace_id = new.workspace_id
      and alerts.metric = new.metric
      and alerts.kind = 'crossed'
      and alerts.period_start > now() - interval '100 days'
  ) then
    perform usage.note_level(new.workspace_id, new.metric, new.period_start, new.used);
  end if;
  return new;
end
$$;

comment on function usage.note_recoveries() is 'Notes the level of a gauge that falls.';

-- A gauge is one row: what its row holds is all of its use.
create trigger counters_note_recoveries
before update on usage.counters
for each row
when (new.used < old.used and new.period_start = '-infinity')
execute function usage.note_recoveries();

create trigger alert_rules_refresh_alerts
after insert or update or delete on usage.alert_rules
for each row
execute function usage.refresh_alerts();

revoke execute on function usage.bound_alert_rules() from public;
revoke execute on function usage.alert_thresholds(uuid, text, bigint) from public;
revoke execute on function usage.note_recoveries() from public;
