create table billing.limit_overrides (
  id uuid not null default gen_random_uuid(),
  workspace_id uuid not null,
  metric text not null,
  limit_value bigint,
  starts_at timestamptz not null default now(),
  ends_at timestamptz,
  reason text not null default '',
  created_at timestamptz not null default now(),
  constraint limit_overrides_pkey primary key (id),
  constraint limit_overrides_workspace_id_fkey foreign key (workspace_id) references public.workspaces (id) on delete cascade,
  constraint limit_overrides_metric_not_empty check (metric <> ''),
  constraint limit_overrides_limit_value_not_negative check (limit_value >= 0),
  constraint limit_overrides_ends_at_after_starts_at check (ends_at > starts_at)
);

create index limit_overrides_workspace_id_metric_starts_at_idx on billing.limit_overrides (workspace_id, metric, starts_at desc);

comment on table billing.limit_overrides is 'A limit for one workspace and a time; wins over the plan. Where several apply, the one that started last.';
comment on column billing.limit_overrides.limit_value is 'In the unit of the metric; null is unlimited.';
