drop function public.accept_invitation(uuid, json);
drop table public.workspace_invitations;
drop function public.name_invitation();
drop index public.users_email_key;
alter table public.users
drop column email_key;
create unique index users_email_key on public.users (lower(email));
