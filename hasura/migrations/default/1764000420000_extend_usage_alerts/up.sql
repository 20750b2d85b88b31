alter table usage.alerts
  add column kind text not null default 'crossed',
  add column threshold_value bigint,
  add column sequence integer not null default 1,
  add column rearmed boolean not null default false,
  alter column threshold_percent drop not null,
  alter column limit_value drop not null,
  drop constraint alerts_threshold_percent_known,
  drop constraint alerts_once_a_period,
  add constraint alerts_once_a_period unique nulls not distinct (
    workspace_id, metric, period_start, threshold_percent, threshold_value, sequence
  ),
  add constraint alerts_kind_known check (kind in ('crossed', 'recovered')),
  add constraint alerts_one_threshold check (num_nonnulls(threshold_percent, threshold_value) = 1),
  add constraint alerts_percent_has_limit check (threshold_percent is null or limit_value is not null),
  add constraint alerts_threshold_percent_range check (threshold_percent between 1 and 1000),
  add constraint alerts_threshold_value_positive check (threshold_value > 0);

comment on table usage.alerts is
  'Use that reached a threshold, and use that fell back below it: one row for each turn of workspace, metric, period and threshold.';
comment on column usage.alerts.kind is 'crossed: use reached the threshold; recovered: it is below again';
comment on column usage.alerts.threshold_percent is 'Percent of the limit; null for a rule with an amount';
comment on column usage.alerts.threshold_value is 'The amount of a rule that does not depend on a limit';
comment on column usage.alerts.sequence is 'Counts the turns within a period; what the once in alerts_once_a_period counts by';
comment on column usage.alerts.rearmed is
  'On a recovery: the limit rose above the use, so the threshold may be crossed again in this period. A recovery by falling use leaves it silent, for a gauge that goes up and down at its limit must not send a letter each time.';
