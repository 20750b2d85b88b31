drop table public.workspace_invitations;
drop table public.workspace_members;
drop table public.workspaces;
drop table public.users;
