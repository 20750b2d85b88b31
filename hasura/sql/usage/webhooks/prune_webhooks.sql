create or replace function usage.prune_webhooks(before timestamptz)
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  _rows integer;
begin
  delete from usage.webhook_deliveries
  where created_at < least(before, now() - interval '34 days')
    and status <> 'pending';
  get diagnostics _rows = row_count;
  delete from usage.webhook_secrets
  where expires_at < now();
  return _rows;
end
$$;

comment on function usage.prune_webhooks(timestamptz) is 'Removes deliveries from before a moment at least 34 days ago, with their attempts, and secrets whose time is over; returns how many deliveries.';

revoke execute on function usage.prune_webhooks(timestamptz) from public;
