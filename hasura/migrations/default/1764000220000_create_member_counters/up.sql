create table usage.member_meters (
  workspace_id uuid not null,
  metric text not null,
  created_at timestamptz not null default now(),
  constraint member_meters_pkey primary key (metric, workspace_id),
  constraint member_meters_workspace_id_fkey foreign key (workspace_id) references public.workspaces (id) on delete cascade,
  constraint member_meters_metric_fkey foreign key (metric) references usage.metrics (key) on delete cascade
);

create index member_meters_workspace_id_idx on usage.member_meters (workspace_id);

comment on table usage.member_meters is 'Workspaces and metrics whose members are counted: a limit of members applies, or has applied. For the others a write costs one lookup';

create table usage.member_counters (
  workspace_id uuid not null,
  metric text not null,
  period_start timestamptz not null,
  member_id uuid not null,
  used bigint not null,
  updated_at timestamptz not null default now(),
  constraint member_counters_pkey primary key (workspace_id, metric, period_start, member_id),
  constraint member_counters_workspace_id_fkey foreign key (workspace_id) references public.workspaces (id) on delete cascade
)
with (fillfactor = 50);

create index member_counters_member_id_idx on usage.member_counters (member_id);

comment on table usage.member_counters is 'The use of each member within that of the workspace. Its row lock puts decisions about one member in order';
comment on column usage.member_counters.period_start is 'Start of the period of a counter; -infinity for a gauge';
comment on column usage.member_counters.member_id is 'The user; one who has left the workspace keeps the counter while rows of that user count';

create table usage.member_counter_log (
  workspace_id uuid not null,
  metric text not null,
  period_start timestamptz not null,
  member_id uuid not null,
  amount bigint not null
);

comment on table usage.member_counter_log is 'Append-only log of the additions to members'' counters since the last reconciliation, as usage.counter_log is for workspaces';

create table usage.member_counter_log_totals (
  workspace_id uuid not null,
  metric text not null,
  period_start timestamptz not null,
  member_id uuid not null,
  amount bigint not null,
  constraint member_counter_log_totals_pkey primary key (workspace_id, metric, period_start, member_id),
  constraint member_counter_log_totals_workspace_id_fkey foreign key (workspace_id) references public.workspaces (id) on delete cascade
);

comment on table usage.member_counter_log_totals is 'What the log has recorded for each member''s counter up to the last reconciliation';
