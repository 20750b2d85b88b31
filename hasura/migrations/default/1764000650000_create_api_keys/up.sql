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

comment on table usage.api_keys is 'Keys of servers that act for one workspace, role service';
comment on column usage.api_keys.hash is 'SHA-256 of the key, which is shown once and stored nowhere: with 256 random bits it needs no salt';
comment on column usage.api_keys.prefix is 'The beginning of the key, by which a person tells one from another';
comment on column usage.api_keys.last_used_at is 'To the minute';

create function usage.announce_api_key()
returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform pg_notify('hasura_usage_access', 'key:' || old.id);
  return null;
end
$$;

comment on function usage.announce_api_key() is 'Tells gateways to forget what they know of a key';

create trigger api_keys_announce
after update of scopes, expires_at, revoked_at, workspace_id, hash or delete on usage.api_keys
for each row execute function usage.announce_api_key();
