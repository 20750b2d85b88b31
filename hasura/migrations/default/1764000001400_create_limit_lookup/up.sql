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
  -- looked up once: in the join it would be called for every row of a scan
  plan text := billing.plan_of(limit_of.workspace_id, limit_of.at);
begin
  select
    case when o.id is null then coalesce(l.limit_value, case when l.plan_id is null then 0 end) else o.limit_value end,
    o.id is not null or l.plan_id is not null,
    coalesce(l.enforcement, 'hard'),
    case when o.id is not null then 'override' when l.plan_id is not null then 'plan' else 'none' end
  into limit_value, included, enforcement, source
  from public.workspaces w
  left join billing.plan_limits l
  on l.plan_id = plan
  and l.metric = limit_of.metric
  left join lateral (
    select o.id, o.limit_value
    from billing.limit_overrides o
    where o.workspace_id = w.id
    and o.metric = limit_of.metric
    and o.starts_at <= limit_of.at
    and (o.ends_at is null or o.ends_at > limit_of.at)
    order by o.starts_at desc, o.created_at desc
    limit 1
  ) o on true
  where w.id = limit_of.workspace_id;

  if not found then
    limit_value := 0;
    included := false;
    enforcement := 'hard';
    source := 'unknown-workspace';
  end if;
  return next;
end
$$;

comment on function billing.limit_of(uuid, text, timestamptz) is 'The limit of a workspace for a metric at a moment, one row always: override before plan; null is unlimited; not included is 0.';
