create table public.calls (
  id uuid not null default gen_random_uuid(),
  workspace_id uuid not null,
  started_at timestamptz not null default now(),
  ended_at timestamptz,
  created_at timestamptz not null default now(),
  constraint calls_pkey primary key (id),
  constraint calls_workspace_id_fkey foreign key (workspace_id) references public.workspaces (id) on delete cascade,
  constraint calls_ended_at_after_started_at check (ended_at >= started_at)
);

create index calls_workspace_id_started_at_idx on public.calls (workspace_id, started_at);

comment on table public.calls is 'Calls; the seconds of a call are known when it has ended.';

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

comment on table public.call_recordings is 'Recordings of calls, measured in bytes kept.';

create table public.streams (
  id uuid not null default gen_random_uuid(),
  workspace_id uuid not null,
  started_at timestamptz not null default now(),
  ended_at timestamptz,
  created_at timestamptz not null default now(),
  constraint streams_pkey primary key (id),
  constraint streams_workspace_id_fkey foreign key (workspace_id) references public.workspaces (id) on delete cascade,
  constraint streams_ended_at_after_started_at check (ended_at >= started_at)
);

create index streams_workspace_id_started_at_idx on public.streams (workspace_id, started_at);

comment on table public.streams is 'Live streams; their seconds are known when they have ended.';
