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
      select n::billing.subscriptions
      from new_rows n
      where n.status in ('trialing', 'active', 'past_due')
      order by n.workspace_id, n.starts_at
    );
  else
    _changed := array(
      select n::billing.subscriptions
      from new_rows n
      join old_rows o on o.id = n.id
      where n.status in ('trialing', 'active', 'past_due')
        and (n.anchor_at, n.starts_at, n.status) is distinct from (o.anchor_at, o.starts_at, o.status)
      order by n.workspace_id, n.starts_at
    );
  end if;

  foreach _subscription in array _changed loop
    -- the lock puts two changes of one workspace in order
    select w.time_zone
    into _zone
    from public.workspaces w
    where w.id = _subscription.workspace_id
    for no key update;

    _moment := _subscription.starts_at;
    if billing.has_counted(_subscription.workspace_id) then
      _moment := greatest(_moment, now());
    end if;
    select *
    into _governing
    from billing.period_anchors a
    where a.workspace_id = _subscription.workspace_id
      and a.valid_from <= _moment
    order by a.valid_from desc
    limit 1;

    continue when _governing.anchor_at = _subscription.anchor_at;
    -- an anchor at a local start of month is the calendar month
    continue when _governing.anchor_at is null
      and _subscription.anchor_at = date_trunc('month', _subscription.anchor_at at time zone _zone) at time zone _zone;
    perform billing.move_anchor(_subscription.workspace_id, _subscription.anchor_at, _zone, _zone, _moment);
  end loop;
  return null;
end
$$;

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
