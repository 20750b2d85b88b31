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

comment on table public.channels is 'Chat channels of a workspace. Archived channels are not counted.';

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

create index messages_created_at_idx on public.messages using brin (created_at);

comment on table public.messages is 'Chat messages. A message counts when it is inserted; deleting it does not lower the counter.';

create table public.files (
  id uuid not null default gen_random_uuid(),
  workspace_id uuid not null,
  uploader_id uuid,
  name text not null default '',
  size_bytes bigint not null default 0,
  status text not null default 'pending',
  created_at timestamptz not null default now(),
  constraint files_pkey primary key (id),
  constraint files_workspace_id_fkey foreign key (workspace_id) references public.workspaces (id) on delete cascade,
  constraint files_uploader_id_fkey foreign key (uploader_id) references public.users (id) on delete set null,
  constraint files_size_bytes_not_negative check (size_bytes >= 0),
  constraint files_status_known check (status in ('pending', 'ready', 'deleted'))
);

create index files_workspace_id_created_at_idx on public.files (workspace_id, created_at);

create index files_uploader_id_idx on public.files (uploader_id);

create index files_created_at_idx on public.files using brin (created_at);

comment on table public.files is 'Uploaded files. The bytes are in object storage.';

create table public.calls (
  id uuid not null default gen_random_uuid(),
  workspace_id uuid not null,
  started_at timestamptz not null default now(),
  ended_at timestamptz,
  created_at timestamptz not null default now(),
  constraint calls_pkey primary key (id),
  constraint calls_workspace_id_fkey foreign key (workspace_id) references public.workspaces (id) on delete cascade,
  constraint calls_ended_at_after_started_at check (ended_at >= started_at),
  constraint calls_times_finite check (isfinite(started_at) and isfinite(ended_at))
);

create index calls_workspace_id_started_at_idx on public.calls (workspace_id, started_at);

comment on table public.calls is 'Calls. The seconds of a call count when it has ended.';

create table public.call_recordings (
  id uuid not null default gen_random_uuid(),
  call_id uuid not null,
  workspace_id uuid not null,
  size_bytes bigint not null default 0,
  created_at timestamptz not null default now(),
  constraint call_recordings_pkey primary key (id),
  constraint call_recordings_call_id_fkey foreign key (call_id) references public.calls (id) on delete cascade,
  constraint call_recordings_workspace_id_fkey foreign key (workspace_id) references public.workspaces (id) on delete cascade,
  constraint call_recordings_size_bytes_not_negative check (size_bytes >= 0)
);

create index call_recordings_call_id_idx on public.call_recordings (call_id);

create index call_recordings_workspace_id_idx on public.call_recordings (workspace_id);

comment on table public.call_recordings is 'Recordings of calls, counted in bytes.';

create table public.streams (
  id uuid not null default gen_random_uuid(),
  workspace_id uuid not null,
  started_at timestamptz not null default now(),
  ended_at timestamptz,
  created_at timestamptz not null default now(),
  constraint streams_pkey primary key (id),
  constraint streams_workspace_id_fkey foreign key (workspace_id) references public.workspaces (id) on delete cascade,
  constraint streams_ended_at_after_started_at check (ended_at >= started_at),
  constraint streams_times_finite check (isfinite(started_at) and isfinite(ended_at))
);

create index streams_workspace_id_started_at_idx on public.streams (workspace_id, started_at);

comment on table public.streams is 'Live streams. The seconds of a stream count when it has ended.';

create table public.bots (
  id uuid not null default gen_random_uuid(),
  workspace_id uuid not null,
  name text not null default '',
  created_at timestamptz not null default now(),
  constraint bots_pkey primary key (id),
  constraint bots_workspace_id_fkey foreign key (workspace_id) references public.workspaces (id) on delete cascade
);

create index bots_workspace_id_idx on public.bots (workspace_id);

comment on table public.bots is 'Bots installed in a workspace.';

create table public.integrations (
  id uuid not null default gen_random_uuid(),
  workspace_id uuid not null,
  name text not null default '',
  created_at timestamptz not null default now(),
  constraint integrations_pkey primary key (id),
  constraint integrations_workspace_id_fkey foreign key (workspace_id) references public.workspaces (id) on delete cascade
);

create index integrations_workspace_id_idx on public.integrations (workspace_id);

comment on table public.integrations is 'Connections of a workspace to other products.';
