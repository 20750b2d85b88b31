drop trigger subscriptions_apply_anchor_update on billing.subscriptions;
drop trigger subscriptions_apply_anchor_insert on billing.subscriptions;

create or replace function billing.apply_subscription_anchor()
returns trigger
language plpgsql
volatile
as $$
declare
  zone text;
  moment timestamptz := new.starts_at;
  governing billing.period_anchors;
begin
  if new.status not in ('trialing', 'active', 'past_due') then
    return null;
  end if;
  -- the lock puts two changes of one workspace in order
  select w.time_zone into zone from public.workspaces w where w.id = new.workspace_id for no key update;

  if billing.has_counted(new.workspace_id) then
    moment := greatest(moment, now());
  end if;
  select *
  into governing
  from billing.period_anchors a
  where a.workspace_id = new.workspace_id
  and a.valid_from <= moment
  order by a.valid_from desc
  limit 1;

  if governing.anchor_at = new.anchor_at then
    return null;
  end if;
  -- an anchor at a local start of month is the calendar month
  if governing.anchor_at is null
  and new.anchor_at = date_trunc('month', new.anchor_at at time zone zone) at time zone zone then
    return null;
  end if;
  perform billing.move_anchor(new.workspace_id, new.anchor_at, zone, zone, moment);
  return null;
end
$$;

create trigger subscriptions_apply_anchor
  after insert or update of anchor_at, starts_at, status on billing.subscriptions
  for each row
  execute function billing.apply_subscription_anchor();
