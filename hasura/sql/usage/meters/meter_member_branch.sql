create or replace function usage.meter_member_branch(p_meter usage.meters, p_source text, p_sign integer)
returns text
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
  select format(
    $branch$
      select
        (%1$s
        ) as workspace_id,
        %2$L::text as metric,
        (%3$s
        ) as member_id,
        %4$s * (%5$s
        )::bigint as amount
      from %6$s as %7$I
      where (%8$s
      )$branch$,
    p_meter.workspace_expression,
    p_meter.metric,
    p_meter.member_expression,
    p_sign,
    p_meter.amount_expression,
    p_source,
    (parse_ident(p_meter.table_name))[2],
    coalesce(p_meter.live_filter, 'true')
  )
$$;

comment on function usage.meter_member_branch(usage.meters, text, integer) is 'usage.meter_branch with the member of each row';

revoke execute on function usage.meter_member_branch(usage.meters, text, integer) from public;
