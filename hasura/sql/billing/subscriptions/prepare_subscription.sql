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
        select a.anchor_at
        from billing.period_anchors a
        where a.workspace_id = new.workspace_id
        and a.valid_from <= new.starts_at
        order by a.valid_from desc
        limit 1
      ),
      (select p.period_start from usage.period(new.workspace_id, new.starts_at) p)
    );
    -- one that ran out may still say active; it must not stand in the way of its successor
    if new.status in ('trialing', 'active', 'past_due') then
      update billing.subscriptions s
      set status = 'cancelled'
      where s.workspace_id = new.workspace_id
      and s.status in ('trialing', 'active', 'past_due')
      and s.ends_at <= now();
    end if;
  else
    new.updated_at := now();
  end if;
  -- period bounds travel through clients whose clocks know milliseconds, and must compare equal when they come back
  new.anchor_at := date_trunc('milliseconds', new.anchor_at);
  if new.status = 'cancelled' then
    new.ends_at := greatest(new.starts_at, least(coalesce(new.ends_at, now()), now()));
  end if;
  return new;
end
$$;

create or replace trigger subscriptions_prepare
  before insert or update on billing.subscriptions
  for each row execute function billing.prepare_subscription();
