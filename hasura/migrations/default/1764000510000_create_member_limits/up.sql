create table billing.member_limits (
  id uuid not null default gen_random_uuid(),
  plan_id text,
  workspace_id uuid,
  metric text not null,
  limit_value bigint,
  created_at timestamptz not null default now(),
  constraint member_limits_pkey primary key (id),
  constraint member_limits_plan_id_fkey foreign key (plan_id) references billing.plans (id) on delete cascade,
  constraint member_limits_workspace_id_fkey foreign key (workspace_id) references public.workspaces (id) on delete cascade,
  constraint member_limits_workspace_id_metric_key unique (workspace_id, metric),
  constraint member_limits_metric_plan_id_key unique (metric, plan_id),
  constraint member_limits_one_owner check (num_nonnulls(plan_id, workspace_id) = 1),
  constraint member_limits_metric_not_empty check (metric <> ''),
  constraint member_limits_limit_value_not_negative check (limit_value >= 0),
  constraint member_limits_plan_has_limit check (plan_id is null or limit_value is not null)
);

create index member_limits_plan_id_idx on billing.member_limits (plan_id);

comment on table billing.member_limits is 'The most of a metric that each member of a workspace may use, beside the limit of the workspace; no row means no such limit. That of the workspace wins over that of its plan.';
comment on column billing.member_limits.limit_value is 'In the unit of the metric; null, for a workspace only, lifts the limit of the plan.';

create function billing.member_limit_of(workspace_id uuid, metric text, at timestamptz default now())
returns table (limit_value bigint, source text)
language plpgsql
stable
rows 1
as $$
declare
  _plan text;
begin
  select l.limit_value, 'override'
  into limit_value, source
  from billing.member_limits l
  where l.workspace_id = member_limit_of.workspace_id
  and l.metric = member_limit_of.metric;
  if found then
    if limit_value is not null then
      return next;
    end if;
    return;
  end if;

  _plan := billing.plan_of(member_limit_of.workspace_id, member_limit_of.at);
  select l.limit_value, 'plan'
  into limit_value, source
  from billing.member_limits l
  where l.plan_id = _plan
  and l.metric = member_limit_of.metric;
  if not found then
    return;
  end if;

  -- In the grace after a downgrade the higher one holds, and none is the highest.
  select case when bool_or(l.limit_value is null) then null else greatest(member_limit_of.limit_value, max(l.limit_value)) end
  into limit_value
  from billing.plan_graces g
  left join billing.member_limits l
    on l.plan_id = g.plan_id
    and l.metric = member_limit_of.metric
  where g.workspace_id = member_limit_of.workspace_id
  and g.starts_at <= member_limit_of.at
  and g.ends_at > member_limit_of.at;
  if limit_value is not null then
    return next;
  end if;
end
$$;

comment on function billing.member_limit_of(uuid, text, timestamptz) is 'What each member of a workspace may use of a metric at a moment; no row where only the workspace is limited.';
