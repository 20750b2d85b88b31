drop table public.workspace_members;
drop table public.workspaces;
drop function public.validate_time_zone();
drop table public.users;
