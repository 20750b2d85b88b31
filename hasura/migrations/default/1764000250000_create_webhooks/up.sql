create table usage.webhook_endpoints (
  id uuid not null default gen_random_uuid(),
  workspace_id uuid not null,
  url text not null,
  description text not null default '',
  event_types jsonb not null default '["alert.crossed", "alert.recovered"]',
  enabled boolean not null default true,
  disabled_reason text,
  failing_since timestamptz,
  created_at timestamptz not null default now(),
  constraint webhook_endpoints_pkey primary key (id),
  constraint webhook_endpoints_workspace_id_fkey foreign key (workspace_id) references public.workspaces (id) on delete cascade,
  constraint webhook_endpoints_url_shape check (url ~ '^https?://' and char_length(url) <= 2048),
  constraint webhook_endpoints_description_length check (char_length(description) <= 255),
  constraint webhook_endpoints_event_types_known check (
    jsonb_typeof(event_types) = 'array'
    and event_types <> '[]'
    and event_types <@ '["alert.crossed", "alert.recovered"]'
    and pg_column_size(event_types) < 256
  ),
  constraint webhook_endpoints_disabled_reason_known check (disabled_reason in ('gone', 'failures'))
);

create index webhook_endpoints_workspace_id_idx on usage.webhook_endpoints (workspace_id);

comment on table usage.webhook_endpoints is 'The URLs to which the alerts of a workspace are sent.';
comment on column usage.webhook_endpoints.disabled_reason is 'Why deliveries stopped by themselves: gone where the receiver answered 410, failures where it failed for days.';
comment on column usage.webhook_endpoints.failing_since is 'When the first failure since the last success happened; null while deliveries succeed.';

create table usage.webhook_secrets (
  id uuid not null default gen_random_uuid(),
  endpoint_id uuid not null,
  secret text not null,
  created_at timestamptz not null default clock_timestamp(),
  expires_at timestamptz,
  constraint webhook_secrets_pkey primary key (id),
  constraint webhook_secrets_endpoint_id_fkey foreign key (endpoint_id) references usage.webhook_endpoints (id) on delete cascade,
  constraint webhook_secrets_shape check (secret ~ '^whsec_[A-Za-z0-9+/]{32,88}={0,2}$')
);

create index webhook_secrets_endpoint_id_idx on usage.webhook_secrets (endpoint_id);

comment on table usage.webhook_secrets is 'Secrets that sign deliveries. Never tracked in Hasura, so that no role can read them.';
comment on column usage.webhook_secrets.expires_at is 'Set at a rotation: until then deliveries carry a signature by this secret too.';

create table usage.webhook_deliveries (
  id uuid not null default gen_random_uuid(),
  workspace_id uuid not null,
  endpoint_id uuid not null,
  event_id text not null,
  event_type text not null,
  payload text not null,
  status text not null default 'pending',
  attempts integer not null default 0,
  retries_from integer not null default 0,
  next_attempt_at timestamptz default now(),
  claimed_until timestamptz not null default '-infinity',
  last_attempt_at timestamptz,
  response_status integer,
  duration_ms integer,
  error text,
  delivered_at timestamptz,
  created_at timestamptz not null default now(),
  constraint webhook_deliveries_pkey primary key (id),
  constraint webhook_deliveries_workspace_id_fkey foreign key (workspace_id) references public.workspaces (id) on delete cascade,
  constraint webhook_deliveries_endpoint_id_fkey foreign key (endpoint_id) references usage.webhook_endpoints (id) on delete cascade,
  constraint webhook_deliveries_once unique (endpoint_id, event_id),
  constraint webhook_deliveries_status_known check (status in ('pending', 'delivered', 'failed', 'cancelled')),
  constraint webhook_deliveries_next_attempt_if_pending check ((status = 'pending') = (next_attempt_at is not null))
);

create index webhook_deliveries_pending_idx on usage.webhook_deliveries (endpoint_id, next_attempt_at)
where status = 'pending';

create index webhook_deliveries_workspace_id_created_at_idx on usage.webhook_deliveries (workspace_id, created_at);

comment on table usage.webhook_deliveries is 'One row for each event and endpoint: the queue of what to send and the record of what was sent.';
comment on column usage.webhook_deliveries.event_id is 'Sent as webhook-id, the same in every attempt, so that a receiver can drop duplicates.';
comment on column usage.webhook_deliveries.payload is 'The exact bytes that are signed and sent.';
comment on column usage.webhook_deliveries.attempts is 'Counted when an attempt begins. An attempt without a row in usage.webhook_attempts ended with its process.';
comment on column usage.webhook_deliveries.retries_from is 'Attempts before the last resend; the retry schedule starts after them.';
comment on column usage.webhook_deliveries.claimed_until is 'Until then one process is sending it; after that any process may.';

create table usage.webhook_attempts (
  delivery_id uuid not null,
  attempt integer not null,
  workspace_id uuid not null,
  started_at timestamptz not null,
  duration_ms integer not null,
  response_status integer,
  error text,
  constraint webhook_attempts_pkey primary key (delivery_id, attempt),
  constraint webhook_attempts_delivery_id_fkey foreign key (delivery_id) references usage.webhook_deliveries (id) on delete cascade,
  constraint webhook_attempts_workspace_id_fkey foreign key (workspace_id) references public.workspaces (id) on delete cascade
);

create index webhook_attempts_workspace_id_idx on usage.webhook_attempts (workspace_id);

comment on table usage.webhook_attempts is 'The result of each attempt. The body of an answer is not stored, because it belongs to the receiver.';
