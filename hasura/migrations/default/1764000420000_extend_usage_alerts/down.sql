delete from usage.alerts
where kind <> 'crossed'
  or sequence <> 1
  or threshold_percent is null
  or threshold_percent not in (75, 90, 100);

alter table usage.alerts
  drop constraint alerts_once_a_period,
  drop column kind,
  drop column threshold_value,
  drop column sequence,
  drop column rearmed,
  drop constraint alerts_percent_has_limit,
  drop constraint alerts_threshold_percent_range,
  alter column threshold_percent set not null,
  alter column limit_value set not null,
  add constraint alerts_once_a_period unique (workspace_id, metric, period_start, threshold_percent),
  add constraint alerts_threshold_percent_known check (threshold_percent in (75, 90, 100));

comment on table usage.alerts is 'Use that reached 75, 90 or 100 percent of a limit, once for each workspace, metric, period and threshold.';
comment on column usage.alerts.threshold_percent is null;
