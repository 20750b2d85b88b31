create or replace function public.name_invitation()
returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  select workspaces.name
  into new.workspace_name
  from public.workspaces
  where workspaces.id = new.workspace_id;
  new.workspace_name := coalesce(new.workspace_name, '');
  return new;
end
$$;

create or replace trigger workspace_invitations_name
  before insert on public.workspace_invitations
  for each row execute function public.name_invitation();
