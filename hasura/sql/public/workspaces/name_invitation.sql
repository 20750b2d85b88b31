create or replace function public.name_invitation()
returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  select workspace.name
  into new.workspace_name
  from public.workspaces as workspace
  where workspace.id = new.workspace_id;
  new.workspace_name := coalesce(new.workspace_name, '');
  return new;
end
$$;

comment on function public.name_invitation() is 'Trigger function: copies the name of the workspace into the invitation, for the invited user, who may not read the workspace.';

create or replace trigger workspace_invitations_name
  before insert on public.workspace_invitations
  for each row execute function public.name_invitation();
