create table public.bots (
  id uuid not null default gen_random_uuid(),
  workspace_id uuid not null,
  name text not null default '',
  created_at timestamptz not null default now(),
  constraint bots_pkey primary key (id),
  constraint bots_workspace_id_fkey foreign key (workspace_id) references public.workspaces (id) on delete cascade
);

create index bots_workspace_id_idx on public.bots (workspace_id);

comment on table public.bots is 'Automated members of a workspace.';

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
