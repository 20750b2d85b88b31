create or replace function billing.record_subscription()
returns trigger
language plpgsql
as $$
declare
  _changed billing.subscriptions := coalesce(new, old);
begin
  insert into billing.subscription_history (
    subscription_id,
    workspace_id,
    operation,
    plan_id,
    status,
    anchor_at,
    starts_at,
    ends_at
  )
  select
    _changed.id,
    _changed.workspace_id,
    lower(tg_op),
    _changed.plan_id,
    _changed.status,
    _changed.anchor_at,
    _changed.starts_at,
    _changed.ends_at
  -- Deleting the workspace deletes its subscriptions by cascade, and its history has nothing left to refer to.
  where exists (
    select
    from public.workspaces as workspace
    where workspace.id = _changed.workspace_id
  );
  return null;
end
$$;

comment on function billing.record_subscription() is 'Appends the state of a changed subscription, or the last state of a deleted one, to billing.subscription_history.';

create or replace trigger subscriptions_record_history
  after insert or update or delete on billing.subscriptions
  for each row
  execute function billing.record_subscription();
