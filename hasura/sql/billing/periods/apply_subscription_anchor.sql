create or replace function billing.apply_subscription_anchor()
returns trigger
language plpgsql
as $$
declare
  _changed billing.subscriptions[];
  _subscription billing.subscriptions;
  _zone text;
  _moment timestamptz;
  _governing billing.period_anchors;
begin
  if tg_op = 'INSERT' then
    _changed := array(
      select inserted::billing.subscriptions
      from new_rows as inserted
      where inserted.status in ('trialing', 'active', 'past_due')
      order by inserted.workspace_id, inserted.starts_at
    );
  else
    _changed := array(
      select updated::billing.subscriptions
      from new_rows as updated
      join old_rows as former
        on former.id = updated.id
      where updated.status in ('trialing', 'active', 'past_due')
        and (updated.anchor_at, updated.starts_at, updated.status)
          is distinct from (former.anchor_at, former.starts_at, former.status)
      order by updated.workspace_id, updated.starts_at
    );
  end if;

  foreach _subscription in array _changed loop
    -- The lock makes concurrent changes of one workspace run one after the other.
    select workspace.time_zone
    into _zone
    from public.workspaces as workspace
    where workspace.id = _subscription.workspace_id
    for no key update;

    _moment := _subscription.starts_at;
    if billing.has_counted(_subscription.workspace_id) then
      _moment := greatest(_moment, now());
    end if;
    select anchor.*
    into _governing
    from billing.period_anchors as anchor
    where anchor.workspace_id = _subscription.workspace_id
      and anchor.valid_from <= _moment
    order by anchor.valid_from desc
    limit 1;

    continue when _governing.anchor_at = _subscription.anchor_at;
    -- Without an anchor in force, one at the local start of a month changes nothing: both are the calendar month.
    continue when _governing.anchor_at is null
      and _subscription.anchor_at = date_trunc('month', _subscription.anchor_at at time zone _zone) at time zone _zone;
    perform billing.move_anchor(_subscription.workspace_id, _subscription.anchor_at, _zone, _zone, _moment);
  end loop;
  return null;
end
$$;

comment on function billing.apply_subscription_anchor() is 'Moves the periods of each workspace whose live subscription has a new anchor, start or status, in the order of workspaces. An anchor that is already in force moves nothing.';

create or replace trigger subscriptions_apply_anchor_insert
  after insert on billing.subscriptions
  referencing new table as new_rows
  for each statement
  execute function billing.apply_subscription_anchor();

create or replace trigger subscriptions_apply_anchor_update
  after update on billing.subscriptions
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function billing.apply_subscription_anchor();
