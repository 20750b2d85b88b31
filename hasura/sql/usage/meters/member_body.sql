create or replace function usage.member_body(p_metrics text[], p_branches text, p_moves text)
returns text
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
  select format(
    $body$
declare
  _workspaces uuid[];
  _metrics text[];
  _members uuid[];
  _amounts bigint[];
begin
  -- Behind the workspace's counter, whose lock a change of what is counted waits for.
  if not exists (select from billing.member_limits l where l.metric = any (%1$L))
    and not exists (select from usage.member_meters m where m.metric = any (%1$L))
  then
    return null;
  end if;%3$s
  select t.*
  into _workspaces, _metrics, _members, _amounts
  from (%2$s
  ) t;
  perform usage.add_to_members(_workspaces, _metrics, _members, _amounts);
  return null;
end
$body$,
    p_metrics,
    usage.member_total(p_branches),
    case when p_moves is not null then format(
      $moves$
  -- A gauge that moves between members leaves the workspace's counter as it is, and did not take its lock.
  perform usage.lock_counter(v.workspace_id, v.metric, '-infinity')
  from (
    select u.workspace_id, u.metric
    from (%s
    ) u
    where u.workspace_id is not null
      and not exists (
        select
        from usage.member_meters m
        where m.workspace_id = u.workspace_id
          and m.metric = u.metric
      )
    group by u.workspace_id, u.metric
    having sum(u.amount) = 0
    order by u.workspace_id, u.metric
  ) v;$moves$,
      p_moves
    ) end
  )
$$;

comment on function usage.member_body(text[], text, text) is 'The body of the trigger that counts members';

revoke execute on function usage.member_body(text[], text, text) from public;
