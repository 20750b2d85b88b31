create table usage.api_keys (
  id uuid not null default gen_random_uuid(),
  workspace_id uuid not null,
  name text not null,
  prefix text not null,
  hash text not null,
  scopes jsonb not null,
  created_by uuid,
  created_at timestamptz not null default now(),
  expires_at timestamptz,
  revoked_at timestamptz,
  last_used_at timestamptz,
  constraint api_keys_pkey primary key (id),
  constraint api_keys_hash_key unique (hash),
  constraint api_keys_workspace_id_fkey foreign key (workspace_id) references public.workspaces (id) on delete cascade,
  constraint api_keys_name_length check (char_length(name) between 1 and 255),
  constraint api_keys_hash_shape check (hash ~ '^[0-9a-f]{64}$'),
  constraint api_keys_scopes_known check (
    jsonb_typeof(scopes) = 'array'
    and scopes <@ '["graphql:read", "graphql:write", "events:write"]'
  )
);

create index api_keys_workspace_id_idx on usage.api_keys (workspace_id);

comment on table usage.api_keys is 'Keys with which a server acts for one workspace in the role service.';
comment on column usage.api_keys.prefix is 'The beginning of the key, by which a person recognises it.';
comment on column usage.api_keys.hash is 'SHA-256 of the key. The key itself is shown once and never stored; it has 256 random bits, so the hash needs no salt.';
comment on column usage.api_keys.last_used_at is 'Time of the last use, to the minute.';

create table usage.api_calls (
  id uuid not null default gen_random_uuid(),
  workspace_id uuid not null,
  hour timestamptz not null,
  user_id uuid,
  operation text,
  count bigint not null default 0,
  created_at timestamptz not null default now(),
  api_key_id uuid,
  role text not null default '',
  protocol text not null default 'http',
  status integer not null default 200,
  code text not null default '',
  refused bigint not null default 0,
  errors bigint not null default 0,
  latency_ms_sum bigint not null default 0,
  latency_ms_min integer,
  latency_ms_max integer,
  bytes_in bigint not null default 0,
  bytes_out bigint not null default 0,
  constraint api_calls_pkey primary key (id),
  constraint api_calls_whole_hour check (hour = date_trunc('hour', hour, 'UTC')),
  constraint api_calls_count_not_negative check (count >= 0),
  constraint api_calls_one_per_hour
    unique nulls not distinct (workspace_id, hour, user_id, api_key_id, operation, role, protocol, status, code),
  constraint api_calls_protocol_known check (protocol in ('http', 'ws')),
  constraint api_calls_sums_not_negative
    check (refused >= 0 and errors >= 0 and latency_ms_sum >= 0 and bytes_in >= 0 and bytes_out >= 0)
);

create index api_calls_hour_idx on usage.api_calls (hour);

comment on table usage.api_calls is 'API calls by workspace, hour, user, key, operation and result: what the counter api_calls adds up from, for reports.';
comment on column usage.api_calls.operation is 'Name of the GraphQL operation; null for an operation without one; (other) where a workspace used more names in that hour than the gateway keeps apart.';
comment on column usage.api_calls.count is 'Requests that the gateway passed on; each used one unit of the metric api_calls.';
comment on column usage.api_calls.status is 'HTTP status of the answer; 200 for an answered operation of a WebSocket.';
comment on column usage.api_calls.code is 'Code of the first error that the gateway saw; empty for none.';
comment on column usage.api_calls.refused is 'Requests that the gateway refused; they used nothing.';
comment on column usage.api_calls.errors is 'How many of count were answered with an error.';

create table usage.api_call_batches (
  id uuid not null,
  created_at timestamptz not null default now(),
  constraint api_call_batches_pkey primary key (id)
);

create index api_call_batches_created_at_idx on usage.api_call_batches (created_at);

comment on table usage.api_call_batches is 'Ids of the batches that gateways have written: a batch that is sent again after a lost answer does not count twice.';
