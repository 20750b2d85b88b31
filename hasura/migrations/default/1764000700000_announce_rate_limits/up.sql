create function billing.rate_limit_of(workspace_id uuid, at timestamptz default now())
returns table (
  limit_per_minute bigint,
  plan_id text,
  source text,
  valid_until timestamptz
)
language sql
stable
rows 1
as $$
  select
    case
      when found.id is null then 0
      when override.source is not null then override.limit_value
      else coalesce(plans.rate_limit_per_minute, 0)
    end,
    plan.id,
    case
      when found.id is null then 'unknown-workspace'
      when override.source is not null then override.source
      when plans.id is not null then 'plan'
      else 'none'
    end,
    -- least passes over nulls: what does not change leaves the others to say when
    least(
      'infinity',
      (
        select min(edge)
        from billing.subscriptions s
        cross join lateral (values (s.starts_at), (s.ends_at)) as edges (edge)
        where s.workspace_id = rate_limit_of.workspace_id
        and edge > rate_limit_of.at
      ),
      (
        select min(edge)
        from billing.limit_overrides o
        cross join lateral (values (o.starts_at), (o.ends_at)) as edges (edge)
        where o.workspace_id = rate_limit_of.workspace_id
        and o.metric = 'requests_per_minute'
        and edge > rate_limit_of.at
      )
    )
  from (values (billing.plan_of(rate_limit_of.workspace_id, rate_limit_of.at))) as plan (id)
  left join public.workspaces as found
    on found.id = rate_limit_of.workspace_id
  left join billing.plans
    on plans.id = plan.id
  left join lateral (
    select o.limit_value, 'override'::text as source
    from billing.limit_overrides o
    where o.workspace_id = rate_limit_of.workspace_id
    and o.metric = 'requests_per_minute'
    and o.starts_at <= rate_limit_of.at
    and (o.ends_at is null or o.ends_at > rate_limit_of.at)
    order by o.starts_at desc, o.created_at desc
    limit 1
  ) as override
    on true
$$;

comment on function billing.rate_limit_of(uuid, timestamptz) is
  'Requests a minute of a workspace at a moment, one row always: an override of requests_per_minute before the plan; null is unlimited; unknown workspaces and plans have 0. valid_until is when the clock may change the answer.';

create function billing.announce_limits() returns trigger
language plpgsql
as $$
declare
  -- Beyond that one word for all is cheaper for everybody who listens.
  c_most constant bigint := 100;
  v_workspaces uuid[];
begin
  case tg_op
    when 'INSERT' then
      select array_agg(distinct changed.workspace_id)
      into v_workspaces
      from new_rows as changed;
    when 'DELETE' then
      select array_agg(distinct changed.workspace_id)
      into v_workspaces
      from old_rows as changed;
    else
      select array_agg(distinct changed.workspace_id)
      into v_workspaces
      from (
        select new_rows.workspace_id from new_rows
        union all
        select old_rows.workspace_id from old_rows
      ) as changed;
  end case;
  if cardinality(v_workspaces) > c_most then
    perform pg_notify('hasura_usage_limits', '*');
  else
    perform pg_notify('hasura_usage_limits', named.workspace_id::text)
    from unnest(v_workspaces) as named (workspace_id);
  end if;
  return null;
end
$$;

comment on function billing.announce_limits() is
  'Tells who keeps limits in memory (channel hasura_usage_limits) the id of each workspace whose limits changed, at the commit.';

create function billing.announce_all_limits() returns trigger
language plpgsql
as $$
begin
  perform pg_notify('hasura_usage_limits', '*');
  return null;
end
$$;

comment on function billing.announce_all_limits() is
  'Tells who keeps limits in memory that those of any workspace may have changed: plans have any number of them.';

create trigger subscriptions_announce_insert
after insert on billing.subscriptions
referencing new table as new_rows
for each statement
execute function billing.announce_limits();

create trigger subscriptions_announce_update
after update on billing.subscriptions
referencing old table as old_rows new table as new_rows
for each statement
execute function billing.announce_limits();

create trigger subscriptions_announce_delete
after delete on billing.subscriptions
referencing old table as old_rows
for each statement
execute function billing.announce_limits();

create trigger subscriptions_announce_truncate
after truncate on billing.subscriptions
for each statement
execute function billing.announce_all_limits();

create trigger limit_overrides_announce_insert
after insert on billing.limit_overrides
referencing new table as new_rows
for each statement
execute function billing.announce_limits();

create trigger limit_overrides_announce_update
after update on billing.limit_overrides
referencing old table as old_rows new table as new_rows
for each statement
execute function billing.announce_limits();

create trigger limit_overrides_announce_delete
after delete on billing.limit_overrides
referencing old table as old_rows
for each statement
execute function billing.announce_limits();

create trigger limit_overrides_announce_truncate
after truncate on billing.limit_overrides
for each statement
execute function billing.announce_all_limits();

create trigger plans_announce
after insert or update or delete or truncate on billing.plans
for each statement
execute function billing.announce_all_limits();

create trigger plan_limits_announce
after insert or update or delete or truncate on billing.plan_limits
for each statement
execute function billing.announce_all_limits();

create trigger plan_features_announce
after insert or update or delete or truncate on billing.plan_features
for each statement
execute function billing.announce_all_limits();
