create or replace function billing.has_no_use(workspace_id uuid)
returns boolean
language plpgsql
as $$
begin
  if billing.has_counted(has_no_use.workspace_id) then
    return false;
  end if;
  -- A first use in flight holds the workspace's key: once this lock is had it is committed or gone.
  perform 1
  from public.workspaces w
  where w.id = has_no_use.workspace_id
  for update;
  return not billing.has_counted(has_no_use.workspace_id);
end
$$;

comment on function billing.has_no_use(uuid) is 'Whether a workspace has used nothing yet; keeps a first use out until the end of the transaction if so.';
