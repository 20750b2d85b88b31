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
