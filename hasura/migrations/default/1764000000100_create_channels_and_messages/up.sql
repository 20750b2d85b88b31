create table public.channels (
  id uuid not null default gen_random_uuid(),
  workspace_id uuid not null,
  name text not null,
  created_by uuid,
  created_at timestamptz not null default now(),
  archived_at timestamptz,
  constraint channels_pkey primary key (id),
  constraint channels_workspace_id_fkey foreign key (workspace_id) references public.workspaces (id) on delete cascade,
  constraint channels_created_by_fkey foreign key (created_by) references public.users (id) on delete set null
);

create index channels_workspace_id_idx on public.channels (workspace_id);
create index channels_created_by_idx on public.channels (created_by);

comment on table public.channels is 'Rooms of a workspace; an archived one does not count.';

create table public.messages (
  id uuid not null default gen_random_uuid(),
  workspace_id uuid not null,
  channel_id uuid not null,
  user_id uuid,
  body text not null default '',
  created_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint messages_pkey primary key (id),
  constraint messages_workspace_id_fkey foreign key (workspace_id) references public.workspaces (id) on delete cascade,
  constraint messages_channel_id_fkey foreign key (channel_id) references public.channels (id) on delete cascade,
  constraint messages_user_id_fkey foreign key (user_id) references public.users (id) on delete cascade
);

create index messages_workspace_id_created_at_idx on public.messages (workspace_id, created_at);
create index messages_channel_id_created_at_idx on public.messages (channel_id, created_at);
create index messages_user_id_idx on public.messages (user_id);

comment on table public.messages is 'What was said; counted when inserted, never given back.';
