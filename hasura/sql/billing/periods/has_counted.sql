create or replace function billing.has_counted(p_workspace_id uuid)
returns boolean
language plpgsql
stable
as $$
begin
  return exists (
    select
    from usage.counters as counter
    where counter.workspace_id = p_workspace_id
      and counter.period_start > '-infinity'
  );
end
$$;

comment on function billing.has_counted(uuid) is 'Returns whether a workspace has a counter in any period, which an early new period would start again at zero. Gauges do not count: they have no period.';
