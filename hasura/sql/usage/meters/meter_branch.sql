create or replace function usage.meter_branch(p_meter usage.meters, p_source text, p_sign integer)
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
        %3$s * (%4$s
        )::bigint as amount,
        %5$s as refused
      from %6$s as %7$I
      where (%8$s
      )$branch$,
    p_meter.workspace_expression,
    p_meter.metric,
    p_sign,
    p_meter.amount_expression,
    case when p_sign < 0 then 'false' else format(
      E'(%s\n        ) is null or (%s\n        )::bigint < 0',
      p_meter.workspace_expression, p_meter.amount_expression
    ) end,
    p_source,
    (parse_ident(p_meter.table_name))[2],
    coalesce(p_meter.live_filter, 'true')
  )
$$;

revoke execute on function usage.meter_branch(usage.meters, text, integer) from public;
