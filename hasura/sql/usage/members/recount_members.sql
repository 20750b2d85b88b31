create or replace function usage.recount_members(p_workspace_id uuid, p_metric text)
returns table (member_id uuid, amount bigint)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  _branches text;
begin
  select string_agg(
    usage.meter_member_branch(m, m.relation::text, 1) || format(E'\n and ((%s\n)) = $1', m.workspace_expression),
    E'\n union all ' order by m.relation
  )
  into _branches
  from usage.meters m
  join pg_class c on c.oid = m.relation
  where m.metric = p_metric
    and m.member_expression is not null;
  if _branches is null then
    return;
  end if;
  return query execute
    'select u.member_id, sum(u.amount)::bigint from (' || _branches || E'\n) u where u.member_id is not null group by u.member_id'
  using p_workspace_id;
end
$$;

comment on function usage.recount_members(uuid, text) is 'What the live rows of a workspace say of the members'' use of a gauge';

revoke execute on function usage.recount_members(uuid, text) from public;
