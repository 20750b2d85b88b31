create function billing.plan_of(workspace_id uuid, at timestamptz default now()) returns text
language plpgsql
stable
as $$
begin
  return coalesce(
    (
      select s.plan_id
      from billing.subscriptions s
      where s.workspace_id = plan_of.workspace_id
      and s.status in ('trialing', 'active', 'past_due', 'cancelled')
      and s.starts_at <= plan_of.at
      and (s.ends_at is null or s.ends_at > plan_of.at)
      order by s.starts_at desc, s.created_at desc
      limit 1
    ),
    'free'
  );
end
$$;

comment on function billing.plan_of(uuid, timestamptz) is 'The plan of a workspace at a moment; free where no subscription was live. A cancelled one was, until it ended.';

create function billing.limit_of(workspace_id uuid, metric text, at timestamptz default now())
returns table (limit_value bigint, included boolean, enforcement text, source text)
language plpgsql
stable
as $$
declare
  plan text;
  plan_limit bigint;
  plan_enforcement text;
  override_limit bigint;
begin
  -- every metered write comes through here: short statements, and the plan inline
  select coalesce(
    (
      select s.plan_id
      from billing.subscriptions s
      where s.workspace_id = w.id
      and s.status in ('trialing', 'active', 'past_due', 'cancelled')
      and s.starts_at <= limit_of.at
      and (s.ends_at is null or s.ends_at > limit_of.at)
      order by s.starts_at desc, s.created_at desc
      limit 1
    ),
    'free'
  )
  into plan
  from public.workspaces w
  where w.id = limit_of.workspace_id;

  if not found then
    limit_value := 0;
    included := false;
    enforcement := 'hard';
    source := 'unknown-workspace';
    return next;
    return;
  end if;

  select l.limit_value, true, l.enforcement, 'plan'
  into limit_value, included, enforcement, source
  from billing.plan_limits l
  where l.plan_id = plan
  and l.metric = limit_of.metric;
  if not found then
    limit_value := 0;
    included := false;
    enforcement := 'hard';
    source := 'none';
  end if;

  select o.limit_value
  into override_limit
  from billing.limit_overrides o
  where o.workspace_id = limit_of.workspace_id
  and o.metric = limit_of.metric
  and o.starts_at <= limit_of.at
  and (o.ends_at is null or o.ends_at > limit_of.at)
  order by o.starts_at desc, o.created_at desc
  limit 1;
  if found then
    limit_value := override_limit;
    included := true;
    source := 'override';
  end if;
  return next;
end
$$;

comment on function billing.limit_of(uuid, text, timestamptz) is 'The limit of a workspace for a metric at a moment, one row always: override before plan; null is unlimited; not included is 0.';
