create or replace function billing.plan_of(workspace_id uuid, at timestamptz default now())
returns text
language plpgsql
stable
as $$
begin
  return coalesce(
    (
      select live.plan_id
      from billing.live_subscription(plan_of.workspace_id, plan_of.at) live
    ),
    'free'
  );
end
$$;

comment on function billing.plan_of(uuid, timestamptz) is 'The plan of a workspace at a moment; free where no subscription was live. A cancelled one was, until it ended, and one that is past due until its grace is over.';
