create schema usage;

comment on schema usage is 'What workspaces and their members use: metrics, meters, counters, reservations and alerts.';

create table usage.metrics (
  key text not null,
  kind text not null,
  unit text not null,
  feed text not null,
  title text not null,
  description text not null,
  leased boolean not null default false,
  late_hours integer not null default 72,
  constraint metrics_pkey primary key (key),
  constraint metrics_key_format check (key ~ '^[a-z][a-z0-9_]{0,62}$'),
  constraint metrics_kind_known check (kind in ('counter', 'gauge')),
  constraint metrics_feed_known check (feed in ('rows', 'gate')),
  constraint metrics_leased_counter check (not leased or (kind = 'counter' and feed = 'gate')),
  constraint metrics_late_hours_range check (late_hours between 0 and 744)
);

comment on table usage.metrics is 'What is counted: one row for each metric. Rows of a table or the gate feed it.';
comment on column usage.metrics.kind is 'counter: adds up within a period and starts again at zero. gauge: a level that goes up and down and is never reset.';
comment on column usage.metrics.unit is 'What one unit is: count, bytes, seconds or micro_usd (millionths of a US dollar).';
comment on column usage.metrics.feed is 'rows: triggers on metered tables feed it. gate: decisions of the gate feed it.';
comment on column usage.metrics.leased is 'Whether a process may lease units and answer from memory. Leased units count as used when they are leased.';
comment on column usage.metrics.late_hours is 'How many hours after its end a period still takes late events and corrections; then it is closed.';

create table usage.meters (
  id uuid not null default gen_random_uuid(),
  table_name text not null,
  relation regclass not null,
  metric text not null,
  workspace_expression text not null,
  amount_expression text not null,
  live_filter text,
  created_at timestamptz not null default now(),
  member_expression text,
  constraint meters_pkey primary key (id),
  constraint meters_metric_fkey foreign key (metric) references usage.metrics (key),
  constraint meters_relation_metric_key unique (relation, metric)
);

comment on table usage.meters is 'Which table feeds which metric. Only usage.attach_meter, usage.detach_meter and usage.meter_members write it.';
comment on column usage.meters.table_name is 'Schema-qualified name that the table had when the meter was attached; expressions may refer to it.';
comment on column usage.meters.relation is 'The table itself: a rename does not change it.';
comment on column usage.meters.workspace_expression is 'The workspace that a row counts for: an expression of type uuid on the row.';
comment on column usage.meters.amount_expression is 'What one row counts, in the unit of the metric: a numeric expression on the row.';
comment on column usage.meters.live_filter is 'Which rows count: a boolean expression on the row; null for all.';
comment on column usage.meters.member_expression is 'The member that a row counts for as well: an expression of type uuid on the row; null for none.';

create table usage.cron_runs (
  name text not null,
  scheduled_time timestamptz not null,
  started_at timestamptz not null default now(),
  finished_at timestamptz,
  result jsonb,
  constraint cron_runs_pkey primary key (name, scheduled_time)
);

comment on table usage.cron_runs is 'One row for each delivered cron event: a second delivery of the same event does nothing.';

insert into usage.metrics (key, kind, unit, feed, title, description, leased)
values
  ('api_calls', 'counter', 'count', 'gate', 'API calls', 'Requests to the API in the period', true),
  ('ai_queries', 'counter', 'count', 'gate', 'AI queries', 'Questions put to an AI model in the period', false),
  ('ai_seconds', 'counter', 'seconds', 'gate', 'AI time', 'Seconds of AI processing in the period', false),
  ('ai_cost_micro_usd', 'counter', 'micro_usd', 'gate', 'AI cost', 'Cost of AI models in the period, in millionths of a US dollar', false);
