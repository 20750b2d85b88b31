create or replace function public.announce_workspace_member()
returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform usage.announce_member(old.workspace_id, old.user_id);
  return null;
end
$$;

comment on function public.announce_workspace_member() is 'Trigger function: tells the gateways that a membership has changed or ended. It has the rights of its owner, as the writer may have none in schema usage.';

revoke execute on function public.announce_workspace_member() from public;

create or replace trigger workspace_members_announce
  after update or delete on public.workspace_members
  for each row execute function public.announce_workspace_member();
