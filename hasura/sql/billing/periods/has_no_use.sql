create or replace function billing.has_no_use(p_workspace_id uuid)
returns boolean
language plpgsql
as $$
begin
  if billing.has_counted(p_workspace_id) then
    return false;
  end if;
  -- A first use that is not committed has a key share lock on the workspace. With this lock it has committed or rolled back.
  perform 1
  from public.workspaces as workspace
  where workspace.id = p_workspace_id
  for update;
  return not billing.has_counted(p_workspace_id);
end
$$;

comment on function billing.has_no_use(uuid) is 'Returns whether a workspace has counted nothing yet. If so, it has locked the workspace, so that no first use is counted before the transaction ends.';
