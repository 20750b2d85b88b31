create or replace function billing.record_subscription()
returns trigger
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

create or replace trigger subscriptions_record_history
  after insert or update or delete on billing.subscriptions
  for each row execute function billing.record_subscription();
