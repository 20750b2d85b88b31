create or replace function usage.clear_webhook_failure()
returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  new.disabled_reason := null;
  new.failing_since := null;
  return new;
end
$$;

comment on function usage.clear_webhook_failure() is 'Clears the failures of an endpoint that is enabled again, so that it is not disabled for old ones.';

revoke execute on function usage.clear_webhook_failure() from public;

create or replace trigger webhook_endpoints_clear_failure
  before update on usage.webhook_endpoints
  for each row
  when (new.enabled and not old.enabled)
  execute function usage.clear_webhook_failure();
