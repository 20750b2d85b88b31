create or replace function usage.meter_raise_branch(p_meter usage.meters)
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
        case
          when n.workspace_id is distinct from o.workspace_id then n.amount
          else greatest(n.amount - o.amount, 0)
        end as amount,
        n.amount < 0 or (n.workspace_id is null and n.amount > 0) as refused
      from (
        select
          row_number() over () as position,
          (%2$s
          ) as workspace_id,
          case when (%4$s
          ) then coalesce((%3$s
          )::bigint, 0) else 0 end as amount
        from new_rows as %5$I
      ) n
      join (
        select
          row_number() over () as position,
          (%2$s
          ) as workspace_id,
          case when (%4$s
          ) then coalesce((%3$s
          )::bigint, 0) else 0 end as amount
        from old_rows as %5$I
      ) o on o.position = n.position
      where n.amount <> 0$branch$,
    p_meter.metric,
    p_meter.workspace_expression,
    p_meter.amount_expression,
    coalesce(p_meter.live_filter, 'true'),
    (parse_ident(p_meter.table_name))[2]
  )
$$;

revoke execute on function usage.meter_raise_branch(usage.meters) from public;
