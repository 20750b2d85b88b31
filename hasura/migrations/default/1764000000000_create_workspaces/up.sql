create table public.users (
  id uuid not null default gen_random_uuid(),
  email text not null,
  display_name text not null default '',
  created_at timestamptz not null default now(),
  email_key text not null generated always as (lower(email)) stored,
  constraint users_pkey primary key (id),
  constraint users_email_not_empty check (email <> '')
);

create unique index users_email_key on public.users (email_key);

comment on table public.users is 'People. A person may be a member of several workspaces.';

create table public.workspaces (
  id uuid not null default gen_random_uuid(),
  name text not null,
  slug text not null default gen_random_uuid()::text,
  owner_id uuid,
  time_zone text not null default 'UTC',
  created_at timestamptz not null default now(),
  constraint workspaces_pkey primary key (id),
  constraint workspaces_slug_key unique (slug),
  constraint workspaces_owner_id_fkey foreign key (owner_id) references public.users (id) on delete cascade
);

create index workspaces_owner_id_idx on public.workspaces (owner_id);

create index workspaces_time_zone_idx on public.workspaces (time_zone);

comment on table public.workspaces is 'Tenants. All usage is counted by workspace.';
comment on column public.workspaces.time_zone is 'A name of pg_timezone_names. Periods begin at midnight in this zone.';

create table public.workspace_members (
  workspace_id uuid not null,
  user_id uuid not null,
  role text not null default 'member',
  created_at timestamptz not null default now(),
  constraint workspace_members_pkey primary key (workspace_id, user_id),
  constraint workspace_members_workspace_id_fkey foreign key (workspace_id) references public.workspaces (id) on delete cascade,
  constraint workspace_members_user_id_fkey foreign key (user_id) references public.users (id) on delete cascade,
  constraint workspace_members_role_known check (role in ('owner', 'admin', 'member', 'guest'))
);

create index workspace_members_user_id_idx on public.workspace_members (user_id);

comment on table public.workspace_members is 'Members of workspaces, each with one role.';

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

comment on table public.workspace_invitations is 'Invitations to workspaces. Accepting one is how a user becomes a member; the invited user sees it by the e-mail address of the account.';
comment on column public.workspace_invitations.workspace_name is 'The name at the time of the invitation, for the invited user, who may not read the workspace yet.';
