create table usage.alerts (
  id uuid not null default gen_random_uuid(),
  workspace_id uuid not null,
  metric text not null,
  period_start timestamptz not null,
  threshold_percent integer,
  used bigint not null,
  limit_value bigint,
  created_at timestamptz not null default now(),
  acknowledged_at timestamptz,
  kind text not null default 'crossed',
  threshold_value bigint,
  sequence integer not null default 1,
  rearmed boolean not null default false,
  constraint alerts_pkey primary key (id),
  constraint alerts_workspace_id_fkey foreign key (workspace_id) references public.workspaces (id) on delete cascade,
  constraint alerts_metric_fkey foreign key (metric) references usage.metrics (key),
  constraint alerts_once_a_period unique nulls not distinct (
    workspace_id, metric, period_start, threshold_percent, threshold_value, sequence
  ),
  constraint alerts_kind_known check (kind in ('crossed', 'recovered')),
  constraint alerts_one_threshold check (num_nonnulls(threshold_percent, threshold_value) = 1),
  constraint alerts_threshold_percent_range check (threshold_percent between 1 and 1000),
  constraint alerts_threshold_value_positive check (threshold_value > 0),
  constraint alerts_percent_has_limit check (
    threshold_percent is null
    or limit_value is not null
    or kind = 'recovered'
  )
);

create index alerts_workspace_id_created_at_idx on usage.alerts (workspace_id, created_at);

comment on table usage.alerts is 'Use that reached a threshold, and use that fell below it again: one row for each change, by workspace, metric, period and threshold.';
comment on column usage.alerts.period_start is 'Start of the period in which the threshold was crossed, of a gauge too.';
comment on column usage.alerts.threshold_percent is 'Percent of the limit; null for a rule with an amount.';
comment on column usage.alerts.used is 'Use at that moment, in the unit of the metric.';
comment on column usage.alerts.limit_value is 'Limit at that moment; null for unlimited.';
comment on column usage.alerts.acknowledged_at is 'When a person marked the alert as seen; null for never.';
comment on column usage.alerts.kind is 'crossed: use reached the threshold. recovered: use is below it again.';
comment on column usage.alerts.threshold_value is 'The amount of a rule that does not depend on a limit, in the unit of the metric; null for a percentage.';
comment on column usage.alerts.sequence is 'Numbers the alerts of a threshold within a period from 1, so that alerts_once_a_period lets each happen once.';
comment on column usage.alerts.rearmed is 'On a recovery: whether the threshold may alert again in this period. True where the limit rose above the use. False where the use fell: a gauge that goes up and down at its limit must not send an e-mail each time.';

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

comment on table usage.alert_rules is 'Thresholds of a workspace in addition to 75, 90 and 100 percent. A disabled rule for one of these three turns it off.';
comment on column usage.alert_rules.threshold_percent is 'Percent of the limit, 1 to 1000; null for a rule with an amount.';
comment on column usage.alert_rules.threshold_value is 'Amount in the unit of the metric, with or without a limit; null for a percentage.';

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

comment on table usage.alert_levels is 'Until when the alerts of a workspace and metric are up to date without any use: the moment at which the clock changes its limit or period.';

create table usage.alert_emails (
  id uuid not null default gen_random_uuid(),
  alert_id uuid not null,
  address text not null,
  status text not null default 'pending',
  attempts integer not null default 0,
  next_attempt_at timestamptz default now(),
  claimed_until timestamptz not null default '-infinity',
  error text,
  sent_at timestamptz,
  created_at timestamptz not null default now(),
  constraint alert_emails_pkey primary key (id),
  constraint alert_emails_alert_id_fkey foreign key (alert_id) references usage.alerts (id) on delete cascade,
  constraint alert_emails_once unique (alert_id, address),
  constraint alert_emails_status_known check (status in ('pending', 'sent', 'failed')),
  constraint alert_emails_next_attempt_if_pending check ((status = 'pending') = (next_attempt_at is not null))
);

create index alert_emails_pending_idx on usage.alert_emails (next_attempt_at)
where status = 'pending';

comment on table usage.alert_emails is 'E-mails about alerts, one for each alert and address: the queue of what to send and the record of what was sent. Never tracked in Hasura.';
comment on column usage.alert_emails.next_attempt_at is 'When the next attempt is due; null when no attempt follows.';
comment on column usage.alert_emails.claimed_until is 'Until then one process is sending it; after that any process may.';
