/**
 * The tables of Hasura's metadata catalog, version 48, names of constraints and indexes included: a Hasura that finds
 * `hdb_version` at 48 expects every one of them and creates none.
 */
export const metadataTables = `
create table if not exists hdb_catalog.hdb_version (
  hasura_uuid uuid not null default hdb_catalog.gen_hasura_uuid(),
  version text not null,
  upgraded_on timestamptz not null,
  cli_state jsonb not null default '{}',
  console_state jsonb not null default '{}',
  ee_client_id text,
  ee_client_secret text,
  constraint hdb_version_pkey primary key (hasura_uuid)
);

create unique index if not exists hdb_version_one_row
  on hdb_catalog.hdb_version ((version is not null));

create table if not exists hdb_catalog.hdb_metadata (
  id integer not null,
  metadata json not null,
  resource_version integer not null default 1,
  constraint hdb_metadata_pkey primary key (id),
  constraint hdb_metadata_resource_version_key unique (resource_version)
);

create table if not exists hdb_catalog.hdb_schema_notifications (
  id integer not null,
  notification json not null,
  resource_version integer not null default 1,
  instance_id uuid not null,
  updated_at timestamptz default now(),
  constraint hdb_schema_notifications_pkey primary key (id),
  constraint hdb_schema_notifications_id_check check (id = 1)
);

create table if not exists hdb_catalog.hdb_action_log (
  id uuid not null default hdb_catalog.gen_hasura_uuid(),
  action_name text,
  input_payload jsonb not null,
  request_headers jsonb not null,
  session_variables jsonb not null,
  response_payload jsonb,
  errors jsonb,
  created_at timestamptz not null default now(),
  response_received_at timestamptz,
  status text not null,
  constraint hdb_action_log_pkey primary key (id),
  constraint hdb_action_log_status_check check (status in ('created', 'processing', 'completed', 'error'))
);

create table if not exists hdb_catalog.hdb_cron_events (
  id text not null default hdb_catalog.gen_hasura_uuid(),
  trigger_name text not null,
  scheduled_time timestamptz not null,
  status text not null default 'scheduled',
  tries integer not null default 0,
  created_at timestamptz default now(),
  next_retry_at timestamptz,
  constraint hdb_cron_events_pkey primary key (id),
  constraint valid_status check (status in ('scheduled', 'locked', 'delivered', 'error', 'dead'))
);

create index if not exists hdb_cron_event_status
  on hdb_catalog.hdb_cron_events (status);

create unique index if not exists hdb_cron_events_unique_scheduled
  on hdb_catalog.hdb_cron_events (trigger_name, scheduled_time)
  where status = 'scheduled';

create table if not exists hdb_catalog.hdb_cron_event_invocation_logs (
  id text not null default hdb_catalog.gen_hasura_uuid(),
  event_id text,
  status integer,
  request json,
  response json,
  created_at timestamptz default now(),
  constraint hdb_cron_event_invocation_logs_pkey primary key (id),
  constraint hdb_cron_event_invocation_logs_event_id_fkey foreign key (event_id)
    references hdb_catalog.hdb_cron_events (id)
    on update cascade
    on delete cascade
);

create index if not exists hdb_cron_event_invocation_event_id
  on hdb_catalog.hdb_cron_event_invocation_logs (event_id);

create table if not exists hdb_catalog.hdb_scheduled_events (
  id text not null default hdb_catalog.gen_hasura_uuid(),
  webhook_conf json not null,
  scheduled_time timestamptz not null,
  retry_conf json,
  payload json,
  header_conf json,
  status text not null default 'scheduled',
  tries integer not null default 0,
  created_at timestamptz default now(),
  next_retry_at timestamptz,
  comment text,
  constraint hdb_scheduled_events_pkey primary key (id),
  constraint valid_status check (status in ('scheduled', 'locked', 'delivered', 'error', 'dead'))
);

create index if not exists hdb_scheduled_event_status
  on hdb_catalog.hdb_scheduled_events (status);

create table if not exists hdb_catalog.hdb_scheduled_event_invocation_logs (
  id text not null default hdb_catalog.gen_hasura_uuid(),
  event_id text,
  status integer,
  request json,
  response json,
  created_at timestamptz default now(),
  constraint hdb_scheduled_event_invocation_logs_pkey primary key (id),
  constraint hdb_scheduled_event_invocation_logs_event_id_fkey foreign key (event_id)
    references hdb_catalog.hdb_scheduled_events (id)
    on update cascade
    on delete cascade
);
`;
