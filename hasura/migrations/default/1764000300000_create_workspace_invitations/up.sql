-- An invitation finds its person by e-mail, whatever the case; Hasura's relationships compare columns only.
alter table public.users
add column email_key text not null generated always as (lower(email)) stored;

drop index public.users_email_key;
create unique index users_email_key on public.users (email_key);

create table public.workspace_invitations (
  id uuid not null default gen_random_uuid(),
  workspace_id uuid not null,
  workspace_name text not null default '',
  email text not null,
  email_key text not null generated always as (lower(email)) stored,
  role text not null default 'member',
  invited_by uuid,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null default now() + interval '14 days',
  accepted_at timestamptz,
  accepted_by uuid,
  constraint workspace_invitations_pkey primary key (id),
  constraint workspace_invitations_workspace_id_fkey foreign key (workspace_id) references public.workspaces (id) on delete cascade,
  constraint workspace_invitations_invited_by_fkey foreign key (invited_by) references public.users (id) on delete set null,
  constraint workspace_invitations_accepted_by_fkey foreign key (accepted_by) references public.users (id) on delete set null,
  constraint workspace_invitations_role_known check (role in ('admin', 'member', 'guest')),
  constraint workspace_invitations_email_shape check (email ~ '^[^@[:space:]]+@[^@[:space:]]+$' and char_length(email) <= 320)
);

create unique index workspace_invitations_open_key on public.workspace_invitations (workspace_id, email_key)
where accepted_at is null;

create index workspace_invitations_email_key_idx on public.workspace_invitations (email_key);
create index workspace_invitations_invited_by_idx on public.workspace_invitations (invited_by);
create index workspace_invitations_accepted_by_idx on public.workspace_invitations (accepted_by);

comment on table public.workspace_invitations is
  'Nobody becomes a member without having accepted: who is invited sees the invitation by the e-mail of the account.';
comment on column public.workspace_invitations.workspace_name is
  'As it was at the time of the invitation: who is invited may not read the workspace yet.';

create function public.name_invitation() returns trigger
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

create trigger workspace_invitations_name
before insert on public.workspace_invitations
for each row execute function public.name_invitation();

create function public.accept_invitation(invitation_id uuid, hasura_session json)
returns setof public.workspace_invitations
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_invitation public.workspace_invitations;
begin
  -- The row lock makes a second acceptance wait and then find the invitation taken.
  update public.workspace_invitations as invitation
  set accepted_at = now(),
    accepted_by = person.id
  from public.users as person
  where invitation.id = accept_invitation.invitation_id
    and invitation.accepted_at is null
    and invitation.expires_at > now()
    and person.id::text = lower(hasura_session ->> 'x-hasura-user-id')
    and person.email_key = invitation.email_key
  returning invitation.*
  into v_invitation;
  if not found then
    -- One answer for a wrong id, another person's invitation and one that is over: none of them may be told apart.
    raise exception using
      errcode = '23U02',
      message = 'there is no open invitation of this id for you';
  end if;

  -- Who is a member already keeps the present role: an invitation neither raises nor lowers it.
  insert into public.workspace_members (workspace_id, user_id, role)
  values (v_invitation.workspace_id, v_invitation.accepted_by, v_invitation.role)
  on conflict on constraint workspace_members_pkey do nothing;

  return next v_invitation;
end
$$;

comment on function public.accept_invitation(uuid, json) is
  'Makes the caller a member of the workspace that invited the e-mail of the account; counts as a member like any other and is refused at the limit.';

revoke execute on function public.accept_invitation(uuid, json) from public;
