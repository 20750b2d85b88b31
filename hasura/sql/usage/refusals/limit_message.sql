create or replace function usage.limit_message(
  p_metric text,
  p_scope text,
  p_limit bigint,
  p_used bigint,
  p_reserved bigint,
  p_amount bigint
)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select format(
    case
      when metrics.unit = 'count' then 'limit of %1$s %2$s%3$s reached: %4$s used, %5$s%6$s more requested'
      else 'limit of %1$s for %2$s%3$s reached: %4$s used, %5$s%6$s more requested'
    end,
    usage.format_amount(p_limit, metrics.unit),
    p_metric,
    p_scope,
    usage.format_amount(p_used, metrics.unit),
    case
      when p_reserved > 0 then usage.format_amount(p_reserved, metrics.unit) || ' reserved, '
      else ''
    end,
    usage.format_amount(p_amount, metrics.unit)
  )
  from usage.metrics
  where metrics.key = p_metric
$$;

comment on function usage.limit_message(text, text, bigint, bigint, bigint, bigint) is 'The sentence of a limit that is reached, such as "limit of 50 GiB for storage_bytes reached: 49.9 GiB used, 300 MiB more requested". Amounts are in the unit of the metric and shown in the unit that people use; the scope stands behind the metric.';

revoke execute on function usage.limit_message(text, text, bigint, bigint, bigint, bigint) from public;
