create or replace function billing.has_counted(workspace_id uuid)
returns boolean
language plpgsql
stable
as $$
begin
  return exists (
    select
    from usage.counters c
    where c.workspace_id = has_counted.workspace_id
    and c.period_start > '-infinity'
  );
end
$$;

comment on function billing.has_counted(uuid) is 'Whether a workspace has used anything that a new period would hand back.';
