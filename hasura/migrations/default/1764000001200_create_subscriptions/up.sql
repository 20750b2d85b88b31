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
  constraint subscriptions_pkey primary key (id),
  constraint subscriptions_workspace_id_fkey foreign key (workspace_id) references public.workspaces (id) on delete cascade,
  constraint subscriptions_plan_id_fkey foreign key (plan_id) references billing.plans (id),
  constraint subscriptions_status_known check (status in ('trialing', 'active', 'past_due', 'paused', 'cancelled')),
  constraint subscriptions_ends_at_not_before_starts_at check (ends_at >= starts_at),
  constraint subscriptions_dates_finite check (isfinite(anchor_at) and isfinite(starts_at))
);

create unique index subscriptions_one_live_per_workspace
on billing.subscriptions (workspace_id)
where status in ('trialing', 'active', 'past_due');

create index subscriptions_workspace_id_starts_at_idx on billing.subscriptions (workspace_id, starts_at);
create index subscriptions_plan_id_idx on billing.subscriptions (plan_id);

comment on table billing.subscriptions is 'Which plan a workspace has; none that is live means free.';
comment on column billing.subscriptions.anchor_at is 'Periods begin on its day and local time of each month. Default: the anchor in force, so that a change of plan moves no period.';

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

comment on table billing.subscription_history is 'Every state a subscription had, from created_at of the row on; written by trigger only.';

create function billing.record_subscription() returns trigger
language plpgsql
as $$
declare
  subject billing.subscriptions := coalesce(new, old);
begin
  insert into billing.subscription_history (subscription_id, workspace_id, operation, plan_id, status, anchor_at, starts_at, ends_at)
  select subject.id, subject.workspace_id, lower(tg_op), subject.plan_id, subject.status, subject.anchor_at, subject.starts_at, subject.ends_at
  -- a cascade from the workspace finds it gone already, and its history with it
  where exists (select from public.workspaces where id = subject.workspace_id);
  return null;
end
$$;

create trigger subscriptions_record_history
after insert or update or delete on billing.subscriptions
for each row execute function billing.record_subscription();
