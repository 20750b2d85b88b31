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

comment on function usage.note_level(uuid, text, timestamptz, bigint) is 'Writes the crossings and recoveries that a level of use calls for. While fall_at <= used < rise_at there is nothing more to write; for holders of the counter''s lock.';

revoke execute on function usage.note_level(uuid, text, timestamptz, bigint) from public;
