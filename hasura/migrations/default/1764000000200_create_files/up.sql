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

comment on table public.files is 'Uploads; the bytes themselves live in object storage.';
