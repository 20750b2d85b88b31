drop trigger workspace_members_announce on public.workspace_members;
drop function public.announce_workspace_member();
