create or replace function usage.member_total(p_branches text)
returns text
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
  select $head$
    select
      array_agg(t.workspace_id),
      array_agg(t.metric),
      array_agg(t.member_id),
      array_agg(t.amount)
    from (
      select u.workspace_id, u.metric, u.member_id, sum(u.amount)::bigint as amount
      from ($head$ || p_branches || $tail$
      ) u
      where u.workspace_id is not null
        and u.member_id is not null
      group by u.workspace_id, u.metric, u.member_id
      having sum(u.amount) <> 0
      order by u.workspace_id, u.metric, u.member_id
    ) t$tail$
$$;

comment on function usage.member_total(text) is 'One total a workspace, metric and member, in the order in which their counters are locked';

revoke execute on function usage.member_total(text) from public;
