create or replace function usage.alert_recipients(p_workspace_id uuid)
returns setof text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select users.email
  from public.users
  where users.id in (
    select workspaces.owner_id
    from public.workspaces
    where workspaces.id = p_workspace_id
    union
    select workspace_members.user_id
    from public.workspace_members
    where workspace_members.workspace_id = p_workspace_id
      and workspace_members.role in ('owner', 'admin')
  )
$$;

comment on function usage.alert_recipients(uuid) is 'The addresses that alerts of a workspace are mailed to: of its owner and its admins.';

revoke execute on function usage.alert_recipients(uuid) from public;
