create or replace function usage.announce_api_key()
returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform pg_notify('hasura_usage_access', 'key:' || old.id);
  return null;
end
$$;

comment on function usage.announce_api_key() is 'Notifies the channel hasura_usage_access of a changed or deleted key, key:<id>, so that gateways drop it from their caches.';

revoke execute on function usage.announce_api_key() from public;

create or replace trigger api_keys_announce
  after update of scopes, expires_at, revoked_at, workspace_id, hash or delete on usage.api_keys
  for each row
  execute function usage.announce_api_key();
