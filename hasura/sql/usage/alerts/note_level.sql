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
