create or replace function billing.plan_of(workspace_id uuid, at timestamptz default now())
returns text
language plpgsql
stable
as $$
begin
  return coalesce(
    (
      select live.plan_id
      from billing.live_subscription(plan_of.workspace_id, plan_of.at) as live
    ),
    'free'
  );
end
$$;

comment on function billing.plan_of(uuid, timestamptz) is 'Returns the plan of the subscription that is live for a workspace at a moment; free without one and for an unknown workspace.';
