create or replace function usage.not_included_message(p_metric text, p_where text, p_used bigint, p_amount bigint)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select format(
    '%s is not included %s: limit of 0, %s used, %s more requested',
    p_metric,
    p_where,
    usage.format_amount(p_used, metrics.unit),
    usage.format_amount(p_amount, metrics.unit)
  )
  from usage.metrics
  where metrics.key = p_metric
$$;

comment on function usage.not_included_message(text, text, bigint, bigint) is 'The sentence of a metric that the plan, or a workspace without a live subscription, does not include. Amounts are in the unit of the metric.';

revoke execute on function usage.not_included_message(text, text, bigint, bigint) from public;
