create or replace function billing.member_limit_of(
  workspace_id uuid,
  metric text,
  at timestamptz default now()
)
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
