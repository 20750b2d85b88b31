create or replace function billing.live_subscription(workspace_id uuid, at timestamptz default now())
returns table (subscription_id uuid, plan_id text, status text)
language sql
stable
rows 1
as $$
  select
    subscription.id,
    subscription.plan_id,
    subscription.status
  from billing.subscriptions as subscription
  where subscription.workspace_id = live_subscription.workspace_id
    and subscription.status in ('trialing', 'active', 'past_due', 'cancelled')
    and subscription.starts_at <= live_subscription.at
    and (subscription.ends_at is null or subscription.ends_at > live_subscription.at)
    and (subscription.past_due_until is null or subscription.past_due_until > live_subscription.at)
  order by subscription.starts_at desc, subscription.created_at desc
  limit 1
$$;

comment on function billing.live_subscription(uuid, timestamptz) is 'Returns the subscription that is live for a workspace at a moment, or no row, which means the plan free. A cancelled subscription is live until ends_at, a past due one until past_due_until. Where several are live, the latest start wins. Postgres inlines it into the caller.';
