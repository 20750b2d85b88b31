create table public.users (
  id uuid not null default gen_random_uuid(),
  email text not null,
  display_name text not null default '',
  created_at timestamptz not null default now(),
  constraint users_pkey primary key (id),
  constraint users_email_not_empty check (email <> '')
);

create unique index users_email_key on public.users (lower(email));

comment on table public.users is 'People; one may be a member of several workspaces.';

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

comment on table public.workspaces is 'The tenant: everything is counted for a workspace.';
comment on column public.workspaces.time_zone is 'Name from pg_timezone_names; periods begin at local midnight of it.';

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

comment on table public.workspace_members is 'Who belongs to which workspace, and as what.';

create function public.validate_time_zone() returns trigger
language plpgsql
as $$
begin
  -- pg_timezone_names reads the whole zone database from disk, so a zone already in use is trusted first
  if new.time_zone = 'UTC' or exists (select from public.workspaces where time_zone = new.time_zone) then
    return new;
  end if;
  if not exists (select from pg_catalog.pg_timezone_names where name = new.time_zone) then
    raise exception 'unknown time zone "%"', new.time_zone
      using errcode = 'check_violation', constraint = 'workspaces_time_zone_known', table = 'workspaces', schema = 'public';
  end if;
  return new;
end
$$;

create trigger workspaces_validate_time_zone
before insert or update of time_zone on public.workspaces
for each row execute function public.validate_time_zone();
