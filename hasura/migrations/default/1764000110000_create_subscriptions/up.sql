create table billing.subscriptions (
  id uuid not null default gen_random_uuid(),
  workspace_id uuid not null,
  plan_id text not null,
  status text not null default 'active',
  anchor_at timestamptz not null,
  starts_at timestamptz not null,
  ends_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  past_due_until timestamptz,
  constraint subscriptions_pkey primary key (id),
  constraint subscriptions_workspace_id_fkey foreign key (workspace_id) references public.workspaces (id) on delete cascade,
  constraint subscriptions_plan_id_fkey foreign key (plan_id) references billing.plans (id),
  constraint subscriptions_status_known check (status in ('trialing', 'active', 'past_due', 'paused', 'cancelled')),
  constraint subscriptions_ends_at_not_before_starts_at check (ends_at >= starts_at),
  constraint subscriptions_dates_finite check (isfinite(anchor_at) and isfinite(starts_at)),
  constraint subscriptions_id_workspace_id_key unique (id, workspace_id),
  constraint subscriptions_past_due_until_of_past_due check ((status = 'past_due') = (past_due_until is not null))
);

create unique index subscriptions_one_live_per_workspace
on billing.subscriptions (workspace_id)
where status in ('trialing', 'active', 'past_due');

create index subscriptions_workspace_id_starts_at_idx on billing.subscriptions (workspace_id, starts_at);

create index subscriptions_plan_id_idx on billing.subscriptions (plan_id);

comment on table billing.subscriptions is 'The plan of a workspace over time. A workspace without a live subscription is on free.';
comment on column billing.subscriptions.anchor_at is 'Periods start on its day and local time of each month. Default: the anchor in force, so that a change of plan moves no period.';
comment on column billing.subscriptions.past_due_until is 'End of the grace in which a past due subscription keeps its plan. Default: the grace days of the plan from the moment it becomes past due.';

create table billing.subscription_history (
  id bigint generated always as identity,
  subscription_id uuid not null,
  workspace_id uuid not null,
  operation text not null,
  plan_id text not null,
  status text not null,
  anchor_at timestamptz not null,
  starts_at timestamptz not null,
  ends_at timestamptz,
  created_at timestamptz not null default now(),
  constraint subscription_history_pkey primary key (id),
  constraint subscription_history_workspace_id_fkey foreign key (workspace_id) references public.workspaces (id) on delete cascade,
  constraint subscription_history_operation_known check (operation in ('insert', 'update', 'delete'))
);

create index subscription_history_workspace_id_created_at_idx on billing.subscription_history (workspace_id, created_at);

create index subscription_history_subscription_id_idx on billing.subscription_history (subscription_id);

comment on table billing.subscription_history is 'Every state of every subscription, from created_at of the row on. Only a trigger writes it.';

create table billing.period_anchors (
  id bigint generated always as identity,
  workspace_id uuid not null,
  valid_from timestamptz not null,
  anchor_at timestamptz,
  time_zone text not null,
  bridge_until timestamptz,
  created_at timestamptz not null default now(),
  constraint period_anchors_pkey primary key (id),
  constraint period_anchors_workspace_id_valid_from_key unique (workspace_id, valid_from),
  constraint period_anchors_workspace_id_fkey foreign key (workspace_id) references public.workspaces (id) on delete cascade,
  constraint period_anchors_bridge_until_after_valid_from check (bridge_until > valid_from)
);

comment on table billing.period_anchors is 'Which anchor and time zone the periods of a workspace have, and from when. No row means calendar months. Only triggers write it.';
comment on column billing.period_anchors.valid_from is 'Always the start of a period.';
comment on column billing.period_anchors.anchor_at is 'Null is the calendar month.';
comment on column billing.period_anchors.bridge_until is 'End of the longer period between the old anchor and this one, so that no counter resets early.';

create table billing.limit_overrides (
  id uuid not null default gen_random_uuid(),
  workspace_id uuid not null,
  metric text not null,
  limit_value bigint,
  starts_at timestamptz not null default now(),
  ends_at timestamptz,
  reason text not null default '',
  created_at timestamptz not null default now(),
  enforcement text,
  overage_cap bigint,
  constraint limit_overrides_pkey primary key (id),
  constraint limit_overrides_workspace_id_fkey foreign key (workspace_id) references public.workspaces (id) on delete cascade,
  constraint limit_overrides_metric_not_empty check (metric <> ''),
  constraint limit_overrides_limit_value_not_negative check (limit_value >= 0),
  constraint limit_overrides_ends_at_after_starts_at check (ends_at > starts_at),
  constraint limit_overrides_enforcement_known check (enforcement in ('hard', 'soft')),
  constraint limit_overrides_overage_cap_not_negative check (overage_cap >= 0),
  constraint limit_overrides_overage_cap_of_soft check (
    overage_cap is null
    or (enforcement is not distinct from 'soft' and limit_value is not null)
  )
);

create index limit_overrides_workspace_id_metric_starts_at_idx on billing.limit_overrides (workspace_id, metric, starts_at desc);

comment on table billing.limit_overrides is 'A limit for one workspace and a time, which replaces that of the plan. Of several that apply, the one that started last wins.';
comment on column billing.limit_overrides.limit_value is 'In the unit of the metric; null is unlimited.';
comment on column billing.limit_overrides.enforcement is 'Null keeps enforcement and overage cap of the plan.';
comment on column billing.limit_overrides.overage_cap is 'Overage that a soft limit allows, in the unit of the metric; null is no ceiling.';

create table billing.subscription_add_ons (
  id uuid not null default gen_random_uuid(),
  workspace_id uuid not null,
  subscription_id uuid,
  add_on_id text not null,
  metric text not null,
  unit_amount bigint not null,
  quantity integer not null default 1,
  starts_at timestamptz not null default now(),
  ends_at timestamptz,
  created_at timestamptz not null default now(),
  constraint subscription_add_ons_pkey primary key (id),
  constraint subscription_add_ons_workspace_id_fkey foreign key (workspace_id) references public.workspaces (id) on delete cascade,
  constraint subscription_add_ons_subscription_id_fkey foreign key (subscription_id, workspace_id)
    references billing.subscriptions (id, workspace_id) on delete cascade,
  constraint subscription_add_ons_add_on_id_fkey foreign key (add_on_id) references billing.add_ons (id),
  constraint subscription_add_ons_unit_amount_positive check (unit_amount > 0),
  constraint subscription_add_ons_quantity_range check (quantity between 1 and 1000000),
  constraint subscription_add_ons_ends_at_after_starts_at check (ends_at > starts_at)
);

create index subscription_add_ons_workspace_id_metric_idx on billing.subscription_add_ons (workspace_id, metric);

create index subscription_add_ons_subscription_id_idx on billing.subscription_add_ons (subscription_id);

create index subscription_add_ons_add_on_id_idx on billing.subscription_add_ons (add_on_id);

comment on table billing.subscription_add_ons is 'Add-ons that a workspace has bought. They add to the limit of its plan.';
comment on column billing.subscription_add_ons.subscription_id is 'The add-on counts only while this subscription is live; null counts on any plan, also on free.';
comment on column billing.subscription_add_ons.metric is 'Copied from the add-on at the purchase; a later change of the catalogue does not change it.';
comment on column billing.subscription_add_ons.unit_amount is 'Copied from the add-on at the purchase; a later change of the catalogue does not change it.';

create table billing.plan_graces (
  id uuid not null default gen_random_uuid(),
  workspace_id uuid not null,
  plan_id text not null,
  starts_at timestamptz not null default now(),
  ends_at timestamptz not null,
  reason text not null default '',
  created_at timestamptz not null default now(),
  constraint plan_graces_pkey primary key (id),
  constraint plan_graces_workspace_id_fkey foreign key (workspace_id) references public.workspaces (id) on delete cascade,
  constraint plan_graces_plan_id_fkey foreign key (plan_id) references billing.plans (id),
  constraint plan_graces_ends_at_after_starts_at check (ends_at > starts_at)
);

create index plan_graces_workspace_id_idx on billing.plan_graces (workspace_id);

create index plan_graces_plan_id_idx on billing.plan_graces (plan_id);

comment on table billing.plan_graces is 'After a downgrade the limits of the former plan apply until a moment, where they are higher than those of the present plan.';

create table billing.member_limits (
  id uuid not null default gen_random_uuid(),
  plan_id text,
  workspace_id uuid,
  metric text not null,
  limit_value bigint,
  created_at timestamptz not null default now(),
  constraint member_limits_pkey primary key (id),
  constraint member_limits_plan_id_fkey foreign key (plan_id) references billing.plans (id) on delete cascade,
  constraint member_limits_workspace_id_fkey foreign key (workspace_id) references public.workspaces (id) on delete cascade,
  constraint member_limits_workspace_id_metric_key unique (workspace_id, metric),
  constraint member_limits_metric_plan_id_key unique (metric, plan_id),
  constraint member_limits_one_owner check (num_nonnulls(plan_id, workspace_id) = 1),
  constraint member_limits_metric_not_empty check (metric <> ''),
  constraint member_limits_limit_value_not_negative check (limit_value >= 0),
  constraint member_limits_plan_has_limit check (plan_id is null or limit_value is not null)
);

create index member_limits_plan_id_idx on billing.member_limits (plan_id);

comment on table billing.member_limits is 'How much of a metric each member of a workspace may use, in addition to the limit of the workspace. No row means no such limit. A limit set for the workspace replaces that of its plan.';
comment on column billing.member_limits.limit_value is 'In the unit of the metric; null, for a workspace only, removes the limit of the plan.';
