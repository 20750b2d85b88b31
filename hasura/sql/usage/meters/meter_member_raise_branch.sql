create or replace function usage.meter_member_raise_branch(p_meter usage.meters)
returns text
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
  select format(
    $branch$
      select
        n.workspace_id,
        %1$L::text as metric,
        n.member_id,
        case
          when (n.workspace_id, n.member_id) is distinct from (o.workspace_id, o.member_id) then n.amount
          else greatest(n.amount - o.amount, 0)
        end as amount
      from (
        select
          row_number() over () as position,
          (%2$s
          ) as workspace_id,
          (%3$s
          ) as member_id,
          case when (%5$s
          ) then coalesce((%4$s
          )::bigint, 0) else 0 end as amount
        from new_rows as %6$I
      ) n
      join (
        select
          row_number() over () as position,
          (%2$s
          ) as workspace_id,
          (%3$s
          ) as member_id,
          case when (%5$s
          ) then coalesce((%4$s
          )::bigint, 0) else 0 end as amount
        from old_rows as %6$I
      ) o on o.position = n.position
      where n.amount <> 0$branch$,
    p_meter.metric,
    p_meter.workspace_expression,
    p_meter.member_expression,
    p_meter.amount_expression,
    coalesce(p_meter.live_filter, 'true'),
    (parse_ident(p_meter.table_name))[2]
  )
$$;

comment on function usage.meter_member_raise_branch(usage.meters) is 'usage.meter_raise_branch with the member of each row; what moves between members counts for the one it comes to';

revoke execute on function usage.meter_member_raise_branch(usage.meters) from public;
