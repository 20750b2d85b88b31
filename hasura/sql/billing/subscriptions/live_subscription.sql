create or replace function billing.live_subscription(workspace_id uuid, at timestamptz default now())
returns table (subscription_id uuid, plan_id text, status text)
language sql
stable
rows 1
as $$
  select s.id, s.plan_id, s.status
  from billing.subscriptions s
  where s.workspace_id = live_subscription.workspace_id
  and s.status in ('trialing', 'active', 'past_due', 'cancelled')
  and s.starts_at <= live_subscription.at
  and (s.ends_at is null or s.ends_at > live_subscription.at)
  and (s.past_due_until is null or s.past_due_until > live_subscription.at)
  order by s.starts_at desc, s.created_at desc
  limit 1
$$;

comment on function billing.live_subscription(uuid, timestamptz) is 'The subscription that a workspace lives on at a moment; no row means free. A cancelled one counts until it ended, one that is past due until its grace is over.';
