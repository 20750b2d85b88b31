create or replace function usage.recount_members(p_workspace_id uuid, p_metric text)
returns table (member_id uuid, amount bigint)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  _branches text;
  _members uuid[];
  _amounts bigint[];
begin
  -- Dynamic SQL of expressions that usage.attach_meter has checked; usage.meter_member_branch quotes the names.
  _branches := coalesce(
    (
      select string_agg(
        usage.meter_member_branch(meter, meter.relation::text, 1) || format(E'\n and ((%s\n)) = $1', meter.workspace_expression),
        E'\n union all ' order by meter.relation
      )
      from usage.meters as meter
      join pg_class as relation on relation.oid = meter.relation
      where meter.metric = p_metric
        and meter.member_expression is not null
    ),
    ''
  );
  if _branches = '' then
    return;
  end if;
  execute format(
    $query$
    select array_agg(recount.member_id), array_agg(recount.amount)
    from (
      select live.member_id, sum(live.amount)::bigint as amount
      from (%s
      ) as live
      where live.member_id is not null
      group by live.member_id
    ) as recount
    $query$,
    _branches
  )
  into _members, _amounts
  using p_workspace_id;
  return query
  select recount.member_id, recount.amount
  from unnest(_members, _amounts) as recount (member_id, amount);
end
$$;

comment on function usage.recount_members(uuid, text) is 'Returns the level of a gauge for each member of a workspace, added up from the live rows of all tables with a member expression that feed it. Called by usage.begin_members and the gate';

revoke execute on function usage.recount_members(uuid, text) from public;
