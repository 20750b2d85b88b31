create or replace function usage.recount(p_workspace_id uuid, p_metric text, p_period_start timestamptz)
returns bigint
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return coalesce(
    (
      select recount.amount
      from usage.counter_recounts as recount
      where recount.workspace_id = p_workspace_id
        and recount.metric = p_metric
        and recount.period_start = p_period_start
    ),
    0
  );
end
$$;

comment on function usage.recount(uuid, text, timestamptz) is 'Returns the use of a counter in the period that starts at a moment, added up from its log, in the unit of the metric; 0 where nothing is logged.';

revoke execute on function usage.recount(uuid, text, timestamptz) from public;
