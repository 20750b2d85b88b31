alter table billing.plans
  add column past_due_grace_days integer not null default 14,
  add constraint plans_past_due_grace_days_range check (past_due_grace_days between 0 and 365);

comment on column billing.plans.past_due_grace_days is 'How long a subscription that is past due keeps the plan; then the workspace is on free.';

alter table billing.subscriptions
  add column past_due_until timestamptz;

create function billing.prepare_grace() returns trigger
language plpgsql
as $$
begin
  if new.status <> 'past_due' then
    new.past_due_until := null;
  elsif new.past_due_until is null then
    new.past_due_until := now() + make_interval(
      days => (
        select p.past_due_grace_days
        from billing.plans p
        where p.id = new.plan_id
      )
    );
  end if;
  return new;
end
$$;

comment on function billing.prepare_grace() is 'The grace of a subscription begins when it becomes past due; a moment that is given stays.';

create trigger subscriptions_prepare_grace
before insert or update on billing.subscriptions
for each row
execute function billing.prepare_grace();

update billing.subscriptions
set status = status
where status = 'past_due';

alter table billing.subscriptions
  add constraint subscriptions_past_due_until_of_past_due check ((status = 'past_due') = (past_due_until is not null));

comment on column billing.subscriptions.past_due_until is 'Until when a subscription that is past due keeps its plan. Default: the grace days of the plan from the moment it became past due.';

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

comment on table billing.plan_graces is 'The limits of a plan that a workspace has left hold until a moment, where they are higher than those of its plan.';

create trigger plan_graces_refresh_alerts
after insert or update or delete on billing.plan_graces
for each row
execute function usage.refresh_alerts();

create trigger plan_graces_refresh_alerts_truncate
after truncate on billing.plan_graces
for each statement
execute function usage.refresh_alerts();
