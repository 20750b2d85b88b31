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

comment on table usage.alerts is 'Use that reached a threshold, and use that fell back below it: one row for each turn of workspace, metric, period and threshold.';
comment on column usage.alerts.threshold_percent is 'Percent of the limit; null for a rule with an amount';
comment on column usage.alerts.used is 'Use at the moment the threshold was reached.';
comment on column usage.alerts.kind is 'crossed: use reached the threshold; recovered: it is below again';
comment on column usage.alerts.threshold_value is 'The amount of a rule that does not depend on a limit';
comment on column usage.alerts.sequence is 'Counts the turns within a period; what the once in alerts_once_a_period counts by';
comment on column usage.alerts.rearmed is 'On a recovery: the limit rose above the use, so the threshold may be crossed again in this period. A recovery by falling use leaves it silent, for a gauge that goes up and down at its limit must not send a letter each time.';

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

comment on table usage.alert_rules is 'Thresholds of a workspace beside the usual 75, 90 and 100 percent; a rule for one of these that is not enabled turns it off.';

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

comment on table usage.alert_levels is 'Until when what was last noted of a level holds if nobody uses anything: the moment that the clock changes limit or period.';

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

comment on table usage.alert_emails is 'The letters that alerts call for: one for each alert and address, queue and record in one; never tracked';
