create or replace function usage.cancel_webhooks()
returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  update usage.webhook_deliveries
  set
    status = 'cancelled',
    next_attempt_at = null
  where endpoint_id = new.id
    and status = 'pending';
  return null;
end
$$;

comment on function usage.cancel_webhooks() is 'Cancels the pending deliveries of an endpoint that is disabled, so that enabling it again sends nothing stale.';

revoke execute on function usage.cancel_webhooks() from public;

create or replace trigger webhook_endpoints_cancel_deliveries
  after update on usage.webhook_endpoints
  for each row
  when (old.enabled and not new.enabled)
  execute function usage.cancel_webhooks();
