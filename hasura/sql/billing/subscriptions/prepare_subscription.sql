create or replace function billing.prepare_subscription()
returns trigger
language plpgsql
as $$
begin
  if tg_op = 'INSERT' then
    new.starts_at := coalesce(new.starts_at, least(new.anchor_at, now()));
    new.anchor_at := coalesce(
      new.anchor_at,
      (
        select governing.anchor_at
        from billing.period_anchors as governing
        where governing.workspace_id = new.workspace_id
          and governing.valid_from <= new.starts_at
        order by governing.valid_from desc
        limit 1
      ),
      (
        select period.period_start
        from usage.period(new.workspace_id, new.starts_at) as period
      )
    );
    -- A subscription that has ended may still have a live status. Cancelling it frees the unique index for its successor.
    if new.status in ('trialing', 'active', 'past_due') then
      update billing.subscriptions as subscription
      set status = 'cancelled'
      where subscription.workspace_id = new.workspace_id
        and subscription.status in ('trialing', 'active', 'past_due')
        and subscription.ends_at <= now();
    end if;
  else
    new.updated_at := now();
  end if;
  -- Clients whose clocks have milliseconds send period bounds back, and these must compare equal.
  new.anchor_at := date_trunc('milliseconds', new.anchor_at);
  if new.status = 'cancelled' then
    new.ends_at := greatest(new.starts_at, least(coalesce(new.ends_at, now()), now()));
  end if;
  return new;
end
$$;

comment on function billing.prepare_subscription() is 'Fills in start and anchor of a new subscription, cancels a predecessor that has ended, cuts the anchor to milliseconds and ends a cancelled subscription at the latest now. The default anchor is the one in force, else the start of the present period, so that buying a plan moves no period.';

create or replace trigger subscriptions_prepare
  before insert or update on billing.subscriptions
  for each row
  execute function billing.prepare_subscription();
