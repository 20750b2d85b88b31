create or replace function public.announce_workspace_member()
returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform pg_notify('hasura_usage_access', 'member:' || old.workspace_id || ':' || old.user_id);
  return null;
end
$$;

comment on function public.announce_workspace_member() is 'Tells gateways to forget a membership that changed or ended';

create or replace trigger workspace_members_announce
  after update or delete on public.workspace_members
  for each row execute function public.announce_workspace_member();
