drop trigger counters_note_recoveries on usage.counters;
drop function usage.note_recoveries();

create or replace function usage.raise_alerts(p_workspace_id uuid, p_metric text, p_period_start timestamptz, p_used bigint)
returns bigint
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  _limit bigint;
  _start timestamptz := p_period_start;
  _next numeric;
begin
  select bound.limit_value
  into _limit
  from billing.limit_of(p_workspace_id, p_metric) as bound;
  if _limit is null then
    return 9223372036854775807;
  end if;

  if p_used > 0 and p_used * 100::numeric >= _limit * 75::numeric then
    if not isfinite(_start) then
      select period.period_start
      into _start
      from usage.period(p_workspace_id) as period;
    end if;
    insert into usage.alerts (workspace_id, metric, period_start, threshold_percent, used, limit_value)
    select p_workspace_id, p_metric, _start, threshold.percent, p_used, _limit
    from unnest(array[75, 90, 100]) as threshold (percent)
    where p_used * 100::numeric >= _limit * threshold.percent::numeric
    on conflict on constraint alerts_once_a_period do nothing;
  end if;

  select min(ceil(_limit * threshold.percent::numeric / 100))
  into _next
  from unnest(array[75, 90, 100]) as threshold (percent)
  where p_used * 100::numeric < _limit * threshold.percent::numeric;
  return coalesce(_next::bigint, 9223372036854775807);
end
$$;

comment on function usage.raise_alerts(uuid, text, timestamptz, bigint) is
  'Writes the alerts that a level of use calls for and returns the level of the next one; for holders of the counter''s lock.';

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
begin
  rise_at := usage.raise_alerts(p_workspace_id, p_metric, p_period_start, p_used);
  fall_at := -9223372036854775808;
end
$$;

comment on function usage.note_level(uuid, text, timestamptz, bigint) is
  'Writes the alerts that a level of use calls for. While fall_at <= used < rise_at there is nothing more to write; for holders of the counter''s lock.';

drop table usage.alert_levels;
drop function usage.alert_thresholds(uuid, text, bigint);
drop table usage.alert_rules;
drop function usage.bound_alert_rules();

delete from usage.alerts
where threshold_percent is not null
  and limit_value is null;

alter table usage.alerts
  drop constraint alerts_percent_has_limit,
  add constraint alerts_percent_has_limit check (threshold_percent is null or limit_value is not null);
