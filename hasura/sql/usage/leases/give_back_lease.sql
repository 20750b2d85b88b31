create or replace function usage.give_back_lease(
  p_workspace_id uuid,
  p_metric text,
  p_period_start timestamptz,
  p_amount bigint
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  update usage.counters
  set used = used - p_amount
  where workspace_id = p_workspace_id
    and metric = p_metric
    and period_start = p_period_start
    and used >= p_amount;
  if found then
    insert into usage.counter_log (workspace_id, metric, period_start, amount)
    values (p_workspace_id, p_metric, p_period_start, - p_amount);
  end if;
end
$$;

comment on function usage.give_back_lease(uuid, text, timestamptz, bigint) is 'Takes units that a lease counted and did not use off the counter of the period in which they were counted. Does nothing where the counter has fewer. A step of usage.draw_lease, which has locked the counter of the present period.';

revoke execute on function usage.give_back_lease(uuid, text, timestamptz, bigint) from public;
